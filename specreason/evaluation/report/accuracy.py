"""The figures that set right answers against time: all cells, and the cells of bases of several sizes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from specreason.evaluation.comparison.saying import LIKE
from specreason.evaluation.intervals import Interval
from specreason.evaluation.report.kinds import ACCURACY_LATENCY, BASE_SIZES
from specreason.evaluation.report.measures import MeasuredCell, parameters_of, short_name, spread
from specreason.evaluation.report.values import Figure, LeftOut
from specreason.evaluation.report.wording import percent, seconds, times
from specreason.words import counted


def accuracy_latency(cells: Sequence[MeasuredCell], sql: str) -> Figure | LeftOut:
    """Figure 3 of the paper: pass@1 against latency, and which cells are on the Pareto front."""
    kind = ACCURACY_LATENCY
    placed = _placed(cells)
    if not placed:
        return kind.left_out()
    rows = [
        (
            *each.head,
            *spread(right),
            *spread(latency),
            each.figures.concurrency,
            each.num_graded_problems,
            each.num_counted,
            is_on_front(each, placed),
        )
        for each, right, latency in placed
    ]
    on_front = [each.figures.label for each, _, _ in placed if is_on_front(each, placed)]
    says = f"On the front: {', '.join(on_front)}."
    return kind.figure(rows, says=says, sql=sql, remarks=at_other_loads([each for each, _, _ in placed]))


def base_sizes(cells: Sequence[MeasuredCell], sql: str) -> Figure | LeftOut:
    """Figure 8: the datasets that cells of several bases have run."""
    kind = BASE_SIZES
    bases: dict[str, set[str]] = defaultdict(set)
    placed = [each for each in _placed(cells) if "base" in each[0].pooled.models]
    for each, _, _ in placed:
        bases[each.figures.dataset].add(each.pooled.models["base"])
    shown = [each for each in placed if len(bases[each[0].figures.dataset]) > 1]
    if not shown:
        return kind.left_out()
    rows = [
        (
            *each.head,
            parameters_of(each.pooled.models["base"]),
            *spread(right),
            *spread(latency),
            each.num_counted,
        )
        for each, right, latency in shown
    ]
    faster = [
        f"{times(each.figures.speedup)} on {short_name(each.pooled.models['base'])} ({each.figures.label})"
        for each, _, _ in shown
        if each.figures.speedup is not None and each.pooled.cell.scheme.drafts_steps
    ]
    says = f"As fast as the base alone: {'; '.join(faster)}." if faster else _of_bases(shown)
    return kind.figure(rows, says=says, sql=sql, remarks=at_other_loads([each for each, _, _ in shown]))


def is_on_front(ours: MeasuredCell, placed: Sequence[tuple[MeasuredCell, Interval, Interval]]) -> bool:
    """Whether no other cell of the dataset is at least as right and at least as fast, and better in one of both."""
    others = [
        (right.mean, latency.mean)
        for each, right, latency in placed
        if each.figures.dataset == ours.figures.dataset and each is not ours
    ]
    right, latency = ours.figures.pass_at_1, ours.figures.latency_s
    assert right is not None
    assert latency is not None
    here = (right.mean, latency.mean)
    return not any(r >= here[0] and s <= here[1] and (r, s) != here for r, s in others)


def at_other_loads(cells: Sequence[MeasuredCell]) -> Iterator[str]:
    """One sentence for each dataset whose latencies were measured with other numbers of jobs in flight."""
    loads: dict[str, list[float]] = defaultdict(list)
    for each in cells:
        if each.figures.concurrency is not None:
            loads[each.figures.dataset].append(each.figures.concurrency)
    for dataset, found in loads.items():
        if max(found) > LIKE * min(found):
            yield (
                f"Latencies on {dataset} were measured at {min(found):.1f} to {max(found):.1f} jobs in flight: they "
                "do not all compare."
            )


def _placed(cells: Sequence[MeasuredCell]) -> list[tuple[MeasuredCell, Interval, Interval]]:
    """The cells with right answers and latency known."""
    return [
        (each, each.figures.pass_at_1, each.figures.latency_s)
        for each in cells
        if each.figures.pass_at_1 is not None and each.figures.latency_s is not None
    ]


def _of_bases(shown: Sequence[tuple[MeasuredCell, Interval, Interval]]) -> str:
    each, right, latency = min(shown, key=lambda placed: placed[2].mean)
    return (
        f"Of {counted(len(shown), 'cell')} {each.figures.label} is the fastest: {seconds(latency.mean)} per job, "
        f"{percent(right.mean)} right."
    )
