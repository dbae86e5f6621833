"""Training sequences: a solution with slips and corrections, and beside each of its steps some graded candidates.

A sequence is a main line (prompt, steps, answer) followed by branches. A branch holds a candidate for one step and the
judge marker, and sees the main line only up to where that step begins; the marker after a step of the main line itself
is a branch without a candidate. So one forward pass asks the judge about every step, in the context that scoring sees.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from specreason.demo.exercises import (
    Exercise,
    SolutionState,
    StepGrade,
    advance,
    answer_text,
    grade_step,
    right_steps,
)
from specreason.demo.slips import corrupt
from specreason.demo.tokenizer import END, JUDGE, prompt_text


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


@dataclass(frozen=True, slots=True)
class TrainingBatch:
    """Tensors of one step of training; `kinds` tells the origin of each judged step for the evaluation."""

    ids: Tensor
    positions: Tensor
    mask: Tensor
    # The next token, -100 where there is none.
    lm_target: Tensor
    # The digit's token id at judge markers, -100 elsewhere.
    judge_target: Tensor
    # 1 from the first token that leaves every right step, 0 before it, -1 elsewhere.
    slip_target: Tensor
    # The right token at this place, up to the first token that leaves every right step; -100 elsewhere.
    expected: Tensor
    # Row, column, grade and origin of each judged step.
    kinds: list[tuple[int, int, StepGrade, str]]


# A step that the drafter wrote for each point of each main line, None for a point that got none.
Drafts = Callable[[list[MainLine]], list[list[list[int] | None]]]


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


def make_batch(
    sequences: list[MainLine], recipe: Recipe, codec: Codec, rng: random.Random, drafts: Drafts | None = None
) -> TrainingBatch:
    """Flatten main lines and their branches into padded tensors with a tree mask."""
    texts: list[list[str]] = [[] for _ in sequences]
    owners: list[list[tuple[int, str]]] = [[] for _ in sequences]  # point, origin
    if recipe.candidates:
        sampled = drafts(sequences) if drafts else None
        for s, sequence in enumerate(sequences):
            for p, point in enumerate(sequence.points):
                for _ in range(recipe.candidates):
                    text, origin = _candidate(sequence, point, rng, codec, sampled[s][p] if sampled else None)
                    texts[s].append(text)
                    owners[s].append((p, origin))
    flat = codec.encode([t for row in texts for t in row])
    options = codec.encode(
        [t for s in sequences for p in s.points for t in _two(right_steps(s.exercise, p.state))]
    )
    rows, kinds, cursor, option = [], [], 0, 0
    for s, sequence in enumerate(sequences):
        row = _Row(sequence)
        right = [options[option + 2 * i : option + 2 * i + 2] for i in range(len(sequence.points))]
        option += 2 * len(sequence.points)
        if recipe.candidates:
            for p, (point, end) in enumerate(zip(sequence.points, sequence.ends, strict=True)):
                row.mark_slips(point.offset, sequence.ids[point.offset : end], right[p])
                column = row.branch(end, codec.judge, sequence.grades[p].score)
                kinds.append((s, column, sequence.grades[p], "main"))
            for text, (p, origin) in zip(texts[s], owners[s], strict=True):
                point, piece = sequence.points[p], flat[cursor]
                cursor += 1
                grade = grade_step(sequence.exercise, point.state, text)
                start = len(row.ids)
                column = row.branch(point.offset, piece + codec.judge, grade.score)
                row.mark_slips(start, piece, right[p])
                kinds.append((s, column, grade, origin))
        rows.append(row)
    return _tensors(rows, kinds, codec)


def _two(texts: tuple[str, ...]) -> tuple[str, str]:
    return texts[0], texts[-1]


def _candidate(
    sequence: MainLine, point: Point, rng: random.Random, codec: Codec, sampled: list[int] | None
) -> tuple[str, str]:
    """Mostly a wrong step: the drafter's own where it made one, else an invented one; sometimes a right one."""
    if sampled is not None:
        text = codec.decode([sampled])[0]
        wrong = not grade_step(sequence.exercise, point.state, text).right
        if wrong or rng.random() < 0.35:
            return text, "drafter"
    if rng.random() < 0.2:
        return rng.choice(right_steps(sequence.exercise, point.state)), "written"
    return corrupt(sequence.exercise, point.state, rng), "invented"


class _Row:
    """One flattened sequence under construction."""

    def __init__(self, sequence: MainLine) -> None:
        self.ids = list(sequence.ids)
        self.lm = list(sequence.targets)
        self.position = list(range(len(self.ids)))
        self.segment = [0] * len(self.ids)
        self.limit = [i + 1 for i in self.position]
        self.judge = [-1] * len(self.ids)
        self.slip = [-1] * len(self.ids)
        self.expected = [-100] * len(self.ids)

    def branch(self, offset: int, piece: list[int], score: int) -> int:
        """Append a branch that leaves the main line at `offset`; returns the column of its last token."""
        n, segment = len(piece), self.segment[-1] + 1
        self.ids += piece
        self.lm += [-100] * n
        self.position += range(offset, offset + n)
        self.segment += [segment] * n
        self.limit += [offset] * n
        self.judge += [-1] * (n - 1) + [score]
        self.slip += [-1] * n
        self.expected += [-100] * n
        return len(self.ids) - 1

    def mark_slips(self, start: int, piece: list[int], right: list[list[int]]) -> None:
        for i, token in enumerate(piece):
            open_ = [r[i] for r in right if r[:i] == piece[:i] and i < len(r)]
            self.slip[start + i] = int(token not in open_)
            if open_:
                self.expected[start + i] = token if token in open_ else open_[0]


def _tensors(rows: list[_Row], kinds: list[tuple[int, int, StepGrade, str]], codec: Codec) -> TrainingBatch:
    length = -(-max(len(r.ids) for r in rows) // 32) * 32

    def stack(name: str, fill: int) -> Tensor:
        out = np.full((len(rows), length), fill, dtype=np.int64)
        for i, row in enumerate(rows):
            out[i, : len(row.ids)] = getattr(row, name)
        return torch.from_numpy(out)

    segment, limit, judge = stack("segment", -1), stack("limit", 0), stack("judge", -1)
    index = torch.arange(length)
    same = (segment[:, :, None] == segment[:, None, :]) & (index[None, :] <= index[:, None])
    trunk = (segment == 0)[:, None, :] & (index[None, None, :] < limit[:, :, None])
    digits = torch.tensor([*codec.digits, -100])
    return TrainingBatch(
        stack("ids", 0), stack("position", 0), (same | trunk)[:, None], stack("lm", -100), digits[judge],
        stack("slip", -1), stack("expected", -100), kinds,
    )  # fmt: skip
