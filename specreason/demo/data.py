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

from specreason.demo.problems import (
    Problem,
    Progress,
    Verdict,
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

    terse: float = 0.15  # share of right steps in the short form, as the drafter writes them
    learn_terse: bool = False  # the drafter learns to write the short form, the base only to read it
    slipped: float = 0.3  # share of sequences with slips in the main line
    candidates: int = 0  # graded candidates per step; 0 trains no judge


@dataclass(slots=True)
class Point:
    """A place in the main line where a step begins."""

    offset: int  # tokens of the main line before the step
    progress: Progress


@dataclass(slots=True)
class Line:
    """One main line with its decision points, before it is flattened into tensors."""

    problem: Problem
    ids: list[int]
    targets: list[int]  # next-token targets, -100 where nothing is learned
    points: list[Point] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)  # of the main line's own step at each point
    ends: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Batch:
    """Tensors of one step of training; `kinds` tells the origin of each judged step for the evaluation."""

    ids: Tensor
    positions: Tensor
    mask: Tensor
    lm_target: Tensor  # -100 where there is none
    judge_target: Tensor  # the digit's token id at judge markers, else -100
    slip_target: Tensor  # 1 from the first token that leaves every right step, 0 before, -1 elsewhere
    expected: Tensor  # the token that is right at this place, up to the first that leaves; -100 elsewhere
    kinds: list[tuple[int, int, Verdict, str]]  # row, column, verdict, origin


Drafts = Callable[[list[Line]], list[list[list[int] | None]]]  # None where none was asked for


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


def write_main(problem: Problem, recipe: Recipe, codec: Codec, rng: random.Random) -> Line:
    """A solution as it may stand in a transcript: right steps in both forms, and slips followed by a correction."""
    pieces: list[tuple[str, bool]] = []  # text, whether it is learned
    points: list[Progress] = []
    verdicts: list[Verdict] = []
    progress = Progress()
    slips = rng.choice((1, 1, 2)) if rng.random() < recipe.slipped else 0
    slip_at = set(rng.sample(range(len(problem.ops)), min(slips, len(problem.ops))))
    while True:
        slip = not progress.slipped and progress.done in slip_at
        slip = slip or (progress.slipped and rng.random() < 0.2)
        if slip:
            slip_at.discard(progress.done)
            text = corrupt(problem, progress, rng, keeps_thinking=True)
        else:
            options = right_steps(problem, progress)
            text = options[-1] if rng.random() < recipe.terse else options[0]
        verdict = grade_step(problem, progress, text)
        points.append(progress)
        verdicts.append(verdict)
        pieces.append((text, verdict.score == 9 or (recipe.learn_terse and verdict.right)))
        if text.endswith("</think>"):
            break
        progress = advance(progress, verdict)
    encoded = codec.encode(
        [prompt_text(problem.text), *(t for t, _ in pieces), answer_text(problem.values[-1]) + END]
    )
    ids = list(encoded[0])
    targets = [-100] * len(ids)
    result = Line(problem, ids, targets, [], verdicts)
    for piece, progress_, (_, learned) in zip(encoded[1:-1], points, pieces, strict=True):
        result.points.append(Point(len(ids), progress_))
        ids += piece
        targets += piece if learned else [-100] * len(piece)
        result.ends.append(len(ids))
    ids += encoded[-1]
    targets += encoded[-1]
    result.targets = [*targets[1:], -100]
    return result


def make_batch(
    sequences: list[Line], recipe: Recipe, codec: Codec, rng: random.Random, drafts: Drafts | None = None
) -> Batch:
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
        [t for s in sequences for p in s.points for t in _two(right_steps(s.problem, p.progress))]
    )
    rows, kinds, cursor, option = [], [], 0, 0
    for s, sequence in enumerate(sequences):
        row = _Row(sequence)
        right = [options[option + 2 * i : option + 2 * i + 2] for i in range(len(sequence.points))]
        option += 2 * len(sequence.points)
        if recipe.candidates:
            for p, (point, end) in enumerate(zip(sequence.points, sequence.ends, strict=True)):
                row.mark_slips(point.offset, sequence.ids[point.offset : end], right[p])
                column = row.branch(end, codec.judge, sequence.verdicts[p].score)
                kinds.append((s, column, sequence.verdicts[p], "main"))
            for text, (p, origin) in zip(texts[s], owners[s], strict=True):
                point, piece = sequence.points[p], flat[cursor]
                cursor += 1
                verdict = grade_step(sequence.problem, point.progress, text)
                start = len(row.ids)
                column = row.branch(point.offset, piece + codec.judge, verdict.score)
                row.mark_slips(start, piece, right[p])
                kinds.append((s, column, verdict, origin))
        rows.append(row)
    return _tensors(rows, kinds, codec)


def _two(texts: tuple[str, ...]) -> tuple[str, str]:
    return texts[0], texts[-1]


def _candidate(
    sequence: Line, point: Point, rng: random.Random, codec: Codec, sampled: list[int] | None
) -> tuple[str, str]:
    """Mostly a wrong step: the drafter's own where it made one, else an invented one; sometimes a right one."""
    if sampled is not None:
        text = codec.decode([sampled])[0]
        wrong = not grade_step(sequence.problem, point.progress, text).right
        if wrong or rng.random() < 0.35:
            return text, "drafter"
    if rng.random() < 0.2:
        return rng.choice(right_steps(sequence.problem, point.progress)), "written"
    return corrupt(sequence.problem, point.progress, rng), "invented"


class _Row:
    """One flattened sequence under construction."""

    def __init__(self, sequence: Line) -> None:
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


def _tensors(rows: list[_Row], kinds: list[tuple[int, int, Verdict, str]], codec: Codec) -> Batch:
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
    return Batch(
        stack("ids", 0), stack("position", 0), (same | trunk)[:, None], stack("lm", -100), digits[judge],
        stack("slip", -1), stack("expected", -100), kinds,
    )  # fmt: skip
