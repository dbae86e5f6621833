"""What does not count in a report, and reasons to doubt it, in a sentence each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from specreason.evaluation.report.accuracy import at_other_loads
from specreason.evaluation.report.measures import MeasuredCell
from specreason.evaluation.report.pooling import PooledCell
from specreason.words import counted

OPEN = ("queued", "running")


def remarks(cells: Sequence[MeasuredCell]) -> Iterator[str]:
    pooled = [each.pooled for each in cells]
    yield from _of_jobs(pooled)
    yield from _of_problems(pooled)
    yield from _of_conditions(pooled)
    yield from _of_versions(pooled)
    yield from at_other_loads(cells)
    yield from _of_speedups(cells)


def _of_speedups(cells: Sequence[MeasuredCell]) -> Iterator[str]:
    if alone := [each.figures.label for each in cells if each.base is None and each.figures.scheme != "base"]:
        yield (
            f"No speedup is known of {', '.join(alone)}: no batch of the base alone has the same dataset, base model, "
            "token budget and sampling."
        )
    latency_s = {each.pooled.key: each.figures.latency_s for each in cells}
    apart = [
        each.figures.label
        for each in cells
        if each.base is not None
        and each.figures.speedup is None
        and each.figures.latency_s is not None
        and latency_s[each.base.key] is not None
    ]
    if apart:
        yield (
            f"No speedup is known of {', '.join(apart)}: the base alone has no latency of the same problem and repeat."
        )


def _of_jobs(cells: Sequence[PooledCell]) -> Iterator[str]:
    states = [state for cell in cells for state in cell.jobs["state"]]
    if not states:
        yield "No batch has jobs."
    if num := sum(state in OPEN for state in states):
        yield f"{counted(num, 'job')} {_have(num)} not ended: these figures will change."
    if num := sum(state not in (*OPEN, "succeeded") for state in states):
        count = "does not count" if num == 1 else "do not count"
        yield f"{counted(num, 'job')} did not succeed and {count}."
    to_grade = sum(map(sum, (cell.jobs["is_to_grade"] for cell in cells)))
    if to_grade:
        waits = "waits" if to_grade == 1 else "wait"
        yield f"{counted(to_grade, 'answer')} {waits} for a grade."
    ungraded = sum(
        state == "succeeded" and grade is None
        for cell in cells
        for state, grade in zip(cell.jobs["state"], cell.jobs["is_correct"], strict=True)
    )
    if ungraded:
        yield f"pass@1 leaves out {counted(ungraded, 'job')} that succeeded without a grade."
    resumed = sum(
        bool(state == "succeeded" and again)
        for cell in cells
        for state, again in zip(cell.jobs["state"], cell.jobs["resumed"], strict=True)
    )
    if resumed:
        yield (
            f"Latencies leave out {counted(resumed, 'job')} that went on after an earlier attempt, which did part of "
            "the work."
        )
    if twice := sum(cell.num_twice for cell in cells):
        yield (
            f"{counted(twice, 'job')} {_have(twice)} the problem and repeat of another one of the cell: of these the "
            "newest graded one counts."
        )


def _of_problems(cells: Sequence[PooledCell]) -> Iterator[str]:
    of_dataset: dict[str, list[PooledCell]] = defaultdict(list)
    for cell in cells:
        of_dataset[cell.cell.dataset].append(cell)
    for dataset, group in of_dataset.items():
        if len({frozenset(cell.problem.tolist()) for cell in group}) > 1:
            yield (
                f"The cells of {dataset} are not all over the same problems: only speedups and gaps, which are over "
                "shared ones, compare as they stand."
            )


def _of_conditions(cells: Sequence[PooledCell]) -> Iterator[str]:
    graders = sorted({by for cell in cells for by in cell.jobs["graded_by"] if by is not None})
    if len(graders) > 1:
        yield f"The answers were graded by different graders: {', '.join(graders)}."


def _of_versions(cells: Sequence[PooledCell]) -> Iterator[str]:
    changed = "by their fingerprints: its weights, templates or engine have changed."
    of_pair: dict[str, list[PooledCell]] = defaultdict(list)
    for cell in cells:
        of_pair[cell.cell.pair].append(cell)
        if len(cell.versions) > 1:
            yield f"{cell.label} ran on several versions of the pair {cell.cell.pair}, {changed}"
    for pair, group in of_pair.items():
        versions = {cell.versions for cell in group if cell.versions}
        if len(versions) > 1:
            yield f"Not all cells ran on the same version of the pair {pair}, {changed}"


def _have(number: int) -> str:
    return "has" if number == 1 else "have"
