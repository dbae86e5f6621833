"""Which problems of two batches are the same, and which of their jobs are compared with each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from specreason.errors import InputError
from specreason.evaluation.comparison.values import Outcome
from specreason.evaluation.runs import Run, RunJob, RunProblem


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchedProblem:
    """A problem in both batches, and its jobs, repeat by repeat."""

    a: RunProblem
    b: RunProblem
    pairs: tuple[tuple[RunJob, RunJob], ...]

    @property
    def outcome(self) -> Outcome:
        graded = [(a, b) for a, b in self.pairs if a.is_correct is not None and b.is_correct is not None]
        won = sum(bool(b.is_correct) - bool(a.is_correct) for a, b in graded)
        if not graded:
            return Outcome.UNGRADED
        return Outcome.WON if won > 0 else Outcome.LOST if won < 0 else Outcome.TIED


@dataclass(frozen=True, kw_only=True)
class Match:
    """The matched problems in A's order, and by what they matched."""

    by: Literal["id", "text"]
    problems: tuple[MatchedProblem, ...]

    @cached_property
    def pairs(self) -> list[tuple[RunJob, RunJob]]:
        """Those of all problems, in order."""
        return [pair for problem in self.problems for pair in problem.pairs]


def match(a: Run, b: Run) -> Match:
    """By the user's own ids if both batches have unique ones and share some, else by text or chat.

    Equal texts in a batch are matched in their order. Raises InputError if nothing matches.
    """
    found: list[tuple[RunProblem, RunProblem]] = []
    by: Literal["id", "text"] = "id"
    if all(_have_unique_ids(run.problems) for run in (a, b)):
        found = _joined(a, b, [p.problem_id for p in a.problems], [p.problem_id for p in b.problems])
    if not found:
        by, found = "text", _joined(a, b, _numbered(a.problems), _numbered(b.problems))
    if not found:
        raise InputError(
            "compare: the two batches have no problem in common, neither by id nor by text; "
            "compare batches of the same dataset"
        )
    return Match(by=by, problems=tuple(_matched(a, b, ours, theirs) for ours, theirs in found))


def _have_unique_ids(problems: Sequence[RunProblem]) -> bool:
    ids = {problem.problem_id for problem in problems}
    return None not in ids and len(ids) == len(problems)


def _numbered(problems: Sequence[RunProblem]) -> list[Hashable]:
    """What each problem asks, and how often it was asked before."""
    seen: Counter[bytes] = Counter()
    keys: list[Hashable] = []
    for problem in problems:
        keys.append((problem.digest, seen[problem.digest]))
        seen[problem.digest] += 1
    return keys


def _joined(
    a: Run, b: Run, ours: Sequence[Hashable], theirs: Sequence[Hashable]
) -> list[tuple[RunProblem, RunProblem]]:
    by_key = dict(zip(theirs, b.problems, strict=True))
    return [(problem, by_key[key]) for key, problem in zip(ours, a.problems, strict=True) if key in by_key]


def _matched(a: Run, b: Run, ours: RunProblem, theirs: RunProblem) -> MatchedProblem:
    by_repeat = {job.repeat: job for job in b.jobs_of.get(theirs.index, ())}
    pairs = tuple(
        (job, by_repeat[job.repeat]) for job in a.jobs_of.get(ours.index, ()) if job.repeat in by_repeat
    )
    return MatchedProblem(a=ours, b=theirs, pairs=pairs)
