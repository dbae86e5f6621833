"""Training batches: a solution with slips and corrections, and beside each of its steps some graded candidates.

A sequence is a main line (prompt, steps, answer) followed by branches. A branch holds a candidate for one step and the
judge marker, and sees the main line only up to the point where that step begins; the marker after a step of the main
line itself is a branch without a candidate. So one forward pass asks the judge about every step, in the context that
scoring sees.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from specreason.demo.main_lines import Codec, MainLine, Point, Recipe
from specreason.demo.slips import corrupt
from specreason.grading.exercises import StepGrade, grade_step, right_steps

# A step that the drafter wrote for each point of each main line, None for a point that got none.
Drafts = Callable[[list[MainLine]], list[list[list[int] | None]]]


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
