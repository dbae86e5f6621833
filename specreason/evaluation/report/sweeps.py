"""The figures of cells that differ in one knob alone: threshold, first steps on the base, token budget."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence

from specreason.config import SchemeName
from specreason.evaluation.report.accuracy import at_other_loads
from specreason.evaluation.report.kinds import BUDGET_GAP, FIRST_N_SWEEP, THRESHOLD_SWEEP
from specreason.evaluation.report.measures import MeasuredCell, spread
from specreason.evaluation.report.pairing import gap_to
from specreason.evaluation.report.rows import Row
from specreason.evaluation.report.values import Figure, LeftOut
from specreason.evaluation.report.wording import percent, points, seconds


def threshold_sweep(cells: Sequence[MeasuredCell], sql: str) -> Figure | LeftOut:
    """Figure 5: accuracy, latency and acceptance by threshold, beside the base alone."""
    kind = THRESHOLD_SWEEP
    swept = sweeps(cells, "threshold")
    if not swept:
        return kind.left_out()
    datasets = {each.figures.dataset for sweep in swept for each in sweep}
    beside = [
        each
        for each in cells
        if each.pooled.cell.scheme is SchemeName.BASE and each.figures.dataset in datasets
    ]
    shown = [*beside, *(each for sweep in swept for each in sweep)]
    rows = [
        (*each.head, each.pooled.cell.knob("score_method"), *_measures(each), each.num_counted)
        for each in shown
    ]
    says = _from_to(swept, "threshold")
    return kind.figure(rows, says=says, sql=sql, remarks=at_other_loads(shown))


def first_n_sweep(cells: Sequence[MeasuredCell], sql: str) -> Figure | LeftOut:
    """Figure 6: the same by the number of first steps that the base writes."""
    kind = FIRST_N_SWEEP
    swept = sweeps(cells, "first_steps_on_base")
    if not swept:
        return kind.left_out()
    shown = [each for sweep in swept for each in sweep]
    rows = [(*each.head, *_measures(each), each.num_counted) for each in shown]
    says = _from_to(swept, "first_steps_on_base")
    return kind.figure(rows, says=says, sql=sql, remarks=at_other_loads(shown))


def budget_gap(cells: Sequence[MeasuredCell], sql: str) -> Figure | LeftOut:
    """Figure 4b: by token budget, how much more often a cell is right than the base alone."""
    kind = BUDGET_GAP
    found: list[tuple[MeasuredCell, Row]] = []
    widest: list[str] = []
    for sweep in sweeps([each for each in cells if each.base is not None], "token_budget"):
        of_sweep = [(each, row, said) for each in sweep for row, said in _gap(each)]
        if len({each.pooled.cell.knob("token_budget") for each, _, _ in of_sweep}) > 1:
            found += [(each, row) for each, row, _ in of_sweep]
            widest.append(of_sweep[-1][2])
    if not found:
        return kind.left_out()
    return kind.figure(
        [row for _, row in found], says=f"At the largest budget: {'; '.join(widest)}.", sql=sql
    )


def sweeps(cells: Sequence[MeasuredCell], knob: str) -> list[list[MeasuredCell]]:
    """The cells that differ in this knob alone, two and more together, by its value."""
    alike: dict[Hashable, list[MeasuredCell]] = defaultdict(list)
    for each in cells:
        cell = each.pooled.cell
        if cell.knob(knob) is not None:
            rest = tuple(value for value in cell.knobs if value[0] != knob)
            alike[cell.pair, cell.dataset, cell.scheme, rest].append(each)
    return [
        sorted(group, key=lambda each: each.pooled.cell.knob(knob))
        for group in alike.values()
        if len(group) > 1
    ]


def _gap(each: MeasuredCell) -> list[tuple[Row, str]]:
    """Its row and what that says; none where no job is graded in both."""
    assert each.base is not None
    found = gap_to(each.base, each.pooled)
    if found is None or found.a is None or found.b is None or found.difference is None:
        return []
    row = (*each.head, found.a.mean, found.b.mean, *spread(found.difference), found.num_jobs)
    return [(row, f"{each.figures.label} {points(found.difference)}")]


def _measures(each: MeasuredCell) -> Row:
    figures = each.figures
    return (*spread(figures.pass_at_1), *spread(figures.latency_s), *spread(figures.acceptance))


def _from_to(swept: Sequence[Sequence[MeasuredCell]], knob: str) -> str:
    """The two ends of the sweep with most values."""
    sweep = max(swept, key=len)
    ends = []
    for each in (sweep[0], sweep[-1]):
        figures = each.figures
        parts = [
            f"{percent(figures.acceptance.mean)} of drafts kept" if figures.acceptance else "",
            f"{percent(figures.pass_at_1.mean)} right" if figures.pass_at_1 else "",
            f"{seconds(figures.latency_s.mean)} per job" if figures.latency_s else "",
        ]
        measured = ", ".join(part for part in parts if part) or "nothing measured"
        ends.append(f"{knob} {each.pooled.cell.knob(knob):g}: {measured}")
    said = f"{sweep[0].pooled.cell.scheme} on {sweep[0].figures.dataset}: {ends[0]}; {ends[1]}."
    return said[0].upper() + said[1:]
