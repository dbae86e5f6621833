"""Main lines of training sequences: a solution with slips and corrections, and the points where its steps begin."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from transformers import PreTrainedTokenizerFast

from specreason.demo.slips import corrupt
from specreason.demo.tokenizer import END, JUDGE, prompt_text
from specreason.grading.exercises import (
    Exercise,
    SolutionState,
    StepGrade,
    advance,
    answer_text,
    grade_step,
    right_steps,
)


@dataclass(frozen=True, slots=True)
class Recipe:
    """How the sequences of one training stage are mixed."""

    # The share of right steps in the short form, as the drafter writes them.
    terse: float = 0.15
    # The drafter learns to write the short form, the base only to read it.
    learn_terse: bool = False
    # The share of sequences with slips in the main line.
    slipped: float = 0.3
    # Graded candidates per step. 0 trains no judge.
    candidates: int = 0


@dataclass(slots=True)
class Point:
    """A place in the main line where a step begins."""

    # The number of tokens of the main line before the step.
    offset: int
    state: SolutionState


@dataclass(slots=True)
class MainLine:
    """One main line with its decision points, before it is flattened into tensors."""

    exercise: Exercise
    ids: list[int]
    # Next-token targets, -100 where nothing is learned.
    targets: list[int]
    points: list[Point] = field(default_factory=list)
    # Grades of the main line's own step at each point.
    grades: list[StepGrade] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)


class Codec:
    """Text to token ids and back, in bulk."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast) -> None:
        self._core = tokenizer.backend_tokenizer
        self.digits = [self.encode([str(d)])[0][0] for d in range(10)]
        self.judge = self.encode([JUDGE])[0]
        self.end = self.encode([END])[0]
        vocab = tokenizer.get_vocab()
        newline = tokenizer.backend_tokenizer.encode(".\n\n", add_special_tokens=False).ids
        self.step_stops = {newline[-1], vocab["</think>"], vocab[END]}
        self.size = len(tokenizer)

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        return [e.ids for e in self._core.encode_batch_fast(list(texts), add_special_tokens=False)]

    def decode(self, ids: Sequence[Sequence[int]]) -> list[str]:
        return list(self._core.decode_batch([list(i) for i in ids], skip_special_tokens=False))


def write_main(exercise: Exercise, recipe: Recipe, codec: Codec, rng: random.Random) -> MainLine:
    """A solution as it may stand in a transcript: right steps in both forms, and slips followed by a correction."""
    pieces: list[tuple[str, bool]] = []  # text, whether it is learned
    points: list[SolutionState] = []
    grades: list[StepGrade] = []
    state = SolutionState()
    slips = rng.choice((1, 1, 2)) if rng.random() < recipe.slipped else 0
    slip_at = set(rng.sample(range(len(exercise.ops)), min(slips, len(exercise.ops))))
    while True:
        slip = not state.slipped and state.done in slip_at
        slip = slip or (state.slipped and rng.random() < 0.2)
        if slip:
            slip_at.discard(state.done)
            text = corrupt(exercise, state, rng, keeps_thinking=True)
        else:
            options = right_steps(exercise, state)
            text = options[-1] if rng.random() < recipe.terse else options[0]
        grade = grade_step(exercise, state, text)
        points.append(state)
        grades.append(grade)
        pieces.append((text, grade.score == 9 or (recipe.learn_terse and grade.right)))
        if text.endswith("</think>"):
            break
        state = advance(state, grade)
    encoded = codec.encode(
        [prompt_text(exercise.text), *(t for t, _ in pieces), answer_text(exercise.values[-1]) + END]
    )
    ids = list(encoded[0])
    targets = [-100] * len(ids)
    result = MainLine(exercise, ids, targets, [], grades)
    for piece, state_, (_, learned) in zip(encoded[1:-1], points, pieces, strict=True):
        result.points.append(Point(len(ids), state_))
        ids += piece
        targets += piece if learned else [-100] * len(piece)
        result.ends.append(len(ids))
    ids += encoded[-1]
    targets += encoded[-1]
    result.targets = [*targets[1:], -100]
    return result
