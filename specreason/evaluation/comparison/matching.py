"""Which problems of two batches are the same, and which of their jobs are compared with each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from specreason.errors import InputError
from specreason.evaluation.comparison.values import Outcome
from specreason.evaluation.runs import Run


class Grades(NamedTuple):
    """Of one problem, the repeats with a grade in both, and how many more of them are right in B than in A."""

    num: int = 0
    more: int = 0

    @property
    def outcome(self) -> Outcome:
        if not self.num:
            return Outcome.UNGRADED
        return Outcome.WON if self.more > 0 else Outcome.LOST if self.more < 0 else Outcome.TIED


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """The problems in both batches, in A's order.

    `by` is what they have in common. `problems` are their indexes in A and in B, with grades each. `pairs` are the jobs
    of the same repeat: the number of their problem here, and their places in A's and in B's jobs.
    """

    by: Literal["id", "text"]
    problems: tuple[tuple[int, int], ...]
    grades: tuple[Grades, ...]
    pairs: tuple[tuple[int, int, int], ...]


def match(a: Run, b: Run) -> Match:
    """By the user's own ids if both batches have unique ones and share some, else by text or chat.

    Equal texts in a batch are matched in their order. Raises InputError if nothing matches.
    """
    found: list[tuple[int, int]] = []
    by: Literal["id", "text"] = "id"
    ours, theirs = a.problems["problem_id"], b.problems["problem_id"]
    if _are_unique(ours) and _are_unique(theirs):
        found = _joined(ours, theirs)
    if not found:
        by, found = "text", _joined(_numbered(a.problems["digest"]), _numbered(b.problems["digest"]))
    if not found:
        raise InputError(
            "compare: the two batches have no problem in common, neither by id nor by text; "
            "compare batches of the same dataset"
        )
    pairs = _pairs(a, b, found)
    return Match(by=by, problems=tuple(found), grades=_grades(a, b, len(found), pairs), pairs=pairs)


def _are_unique(ids: Sequence[str | None]) -> bool:
    different = set(ids)
    return None not in different and len(different) == len(ids)


def _numbered(digests: Sequence[int]) -> list[Hashable]:
    """What each problem asks, and how often it was asked before."""
    seen: Counter[int] = Counter()
    keys: list[Hashable] = []
    for digest in digests:
        keys.append((digest, seen[digest]))
        seen[digest] += 1
    return keys


def _joined(ours: Sequence[Hashable], theirs: Sequence[Hashable]) -> list[tuple[int, int]]:
    places = {key: place for place, key in enumerate(theirs)}
    return [(place, places[key]) for place, key in enumerate(ours) if key in places]


def _pairs(a: Run, b: Run, problems: Sequence[tuple[int, int]]) -> tuple[tuple[int, int, int], ...]:
    number_of = {index: number for number, (index, _) in enumerate(problems)}
    places = {
        job: place for place, job in enumerate(zip(b.jobs["problem_index"], b.jobs["repeat"], strict=True))
    }
    pairs = []
    for place, (index, repeat) in enumerate(zip(a.jobs["problem_index"], a.jobs["repeat"], strict=True)):
        number = number_of.get(index)
        if number is not None:
            other = places.get((problems[number][1], repeat))
            if other is not None:
                pairs.append((number, place, other))
    return tuple(pairs)


def _grades(a: Run, b: Run, num_problems: int, pairs: Sequence[tuple[int, int, int]]) -> tuple[Grades, ...]:
    ours, theirs = a.jobs["is_correct"], b.jobs["is_correct"]
    grades = [Grades()] * num_problems
    for number, place, other in pairs:
        if ours[place] is not None and theirs[other] is not None:
            num, more = grades[number]
            grades[number] = Grades(num + 1, more + theirs[other] - ours[place])
    return tuple(grades)
