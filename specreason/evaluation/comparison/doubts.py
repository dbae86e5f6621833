"""Reasons to doubt a comparison: what differs between two batches beside what was meant to differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from specreason.evaluation.comparison.matching import Match
from specreason.evaluation.comparison.pairs import Pairs
from specreason.evaluation.comparison.saying import at_other_load
from specreason.evaluation.comparison.values import Side
from specreason.evaluation.runs import Run
from specreason.words import counted


def doubts(pairs: Pairs, matched: Match, ours: Side, theirs: Side) -> tuple[str, ...]:
    """One sentence for each."""
    return tuple(_doubts(pairs, matched, ours, theirs))


def _doubts(pairs: Pairs, matched: Match, ours: Side, theirs: Side) -> Iterator[str]:
    if ours.batch_id == theirs.batch_id:
        yield "A and B are the same batch."
    yield from _of_problems(*pairs.runs, matched)
    for name, side in (("A", ours), ("B", theirs)):
        yield from _of_jobs(name, side)
    yield from _of_grades(ours, theirs)
    yield from _of_conditions(pairs, ours, theirs)


def _of_problems(a: Run, b: Run, matched: Match) -> Iterator[str]:
    def differing(name: str) -> int:
        first, second = a.problems[name], b.problems[name]
        return sum(first[place] != second[other] for place, other in matched.problems)

    if others := differing("digest"):
        yield f"{counted(others, 'matched problem')} {_have(others)} the same id and another text."
    if golds := differing("gold"):
        differ = "has another gold answer" if golds == 1 else "have other gold answers"
        yield f"{counted(golds, 'matched problem')} {differ} in B than in A: `specreason batch regrade` sets one."
    if not matched.pairs:
        yield "No repeat of a matched problem is in both batches."


def _of_jobs(name: str, side: Side) -> Iterator[str]:
    if side.num_open:
        yield f"{counted(side.num_open, 'job')} of {name} {_have(side.num_open)} not ended: these figures will change."
    if side.num_to_grade:
        waits = "waits" if side.num_to_grade == 1 else "wait"
        yield f"{counted(side.num_to_grade, 'answer')} of {name} {waits} for a grade."
    if side.num_unsuccessful:
        number = side.num_unsuccessful
        count = "its pair counts" if number == 1 else "their pairs count"
        yield (
            f"{counted(number, 'job')} of {name} did not succeed: {count} only in the device time per right answer."
        )
    if side.num_unmeasured:
        number = side.num_unmeasured
        yield f"The device time of {counted(number, 'ended job')} of {name} was not measured."


def _of_grades(ours: Side, theirs: Side) -> Iterator[str]:
    if ours.graders and theirs.graders and set(ours.graders) != set(theirs.graders):
        yield f"Different graders: A by {_graders(ours.graders)}, B by {_graders(theirs.graders)}."


def _of_conditions(pairs: Pairs, ours: Side, theirs: Side) -> Iterator[str]:
    if at_other_load(ours, theirs):
        yield (
            f"Latencies were measured at {ours.concurrency:.1f} jobs in flight in A and "
            f"{theirs.concurrency:.1f} in B: they do not compare."
        )
    if ours.pair != theirs.pair:
        yield f"A ran on the pair {ours.pair}, B on {theirs.pair}: latencies and costs are those of two pairs."
        return
    prints = [set(pairs.column(side, "pair_fingerprint")) - {None} for side in (0, 1)]
    if prints[0] and prints[1] and prints[0] != prints[1]:
        yield (
            f"The pair {ours.pair} was another one in B, by its fingerprint: its weights, templates or engine have "
            "changed since."
        )


def _graders(graders: Mapping[str, int]) -> str:
    return " and ".join(sorted(graders))


def _have(number: int) -> str:
    return "has" if number == 1 else "have"
