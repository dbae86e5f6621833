"""Reports with invented figures, of as many cells as a test needs. Nothing in them was measured."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import product
from typing import Any
from uuid import UUID

from specreason.config import SchemeName
from specreason.evaluation.cells import Cell, in_order, labels
from specreason.evaluation.intervals import Interval
from specreason.evaluation.report.values import CellFigures, LeftOut, Report
from tests.support.report.made_up_figures import figures_of

HOSTILE = "<script>alert('x')</script> a|b $x_1$ **bold** [link](http://example.org) `code` 你好 \x1b[31m"


def cells_of(
    *,
    datasets: Sequence[str] = ("sums",),
    pairs: Sequence[str] = ("demo",),
    thresholds: Sequence[float] = (7.0,),
    budgets: Sequence[int] = (1024,),
    first_steps: Sequence[int] = (0,),
    methods: Sequence[str] = ("greedy",),
    schemes: Sequence[str] = ("base", "drafter", "specreason"),
) -> list[Cell]:
    """A grid of cells; knobs that a scheme does not read make no cells of it."""
    found = []
    for dataset, pair, scheme, budget in product(datasets, pairs, schemes, budgets):
        knobs: dict[str, Any] = {"token_budget": budget, "temperature": 0.6}
        if not SchemeName(scheme).drafts_steps:
            found.append(Cell(pair, dataset, SchemeName(scheme), tuple(sorted(knobs.items()))))
            continue
        for threshold, first, method in product(thresholds, first_steps, methods):
            of_drafts = {"threshold": threshold, "first_steps_on_base": first, "score_method": method}
            whole = knobs | of_drafts
            found.append(Cell(pair, dataset, SchemeName(scheme), tuple(sorted(whole.items()))))
    return in_order(found)


def report_of(
    cells: Sequence[Cell], *, seed: int = 0, has_intervals: bool = True, text: str = "So we add 7 and get 19."
) -> Report:
    """A report with every figure of these cells. `text` stands for what models wrote."""
    draws = random.Random(seed)
    values = [
        _cell_figures(draws, place, cell, label, has_intervals=has_intervals)
        for place, (cell, label) in enumerate(zip(cells, labels(cells), strict=True))
    ]
    return Report(
        title="Invented figures",
        says="specreason at 7 is 2.1 times as fast as the base, with as many right answers.",
        remarks=("Nothing here was measured.",),
        cells=tuple(values),
        figures=tuple(each for each in figures_of(values, draws, text) if each.rows),
        left_out=(
            LeftOut(name="reward", title="Reward", reason="needs steps that a reward model has scored"),
        ),
        configurations={str(cell.batch_ids[0]): {"pair": cell.pair, **cell.knobs} for cell in values},
    )


def _cell_figures(
    draws: random.Random, place: int, cell: Cell, label: str, *, has_intervals: bool
) -> CellFigures:
    def about(mean: float, half: float) -> Interval:
        return (
            Interval(mean=mean, low=mean - half, high=mean + half)
            if has_intervals
            else Interval(mean=mean, low=None, high=None)
        )

    threshold = cell.knob("threshold")
    fast = {"base": 1.0, "drafter": 0.17, "specdecode": 0.7}.get(cell.scheme, 0.35 + 0.05 * (threshold or 0))
    right = {"base": 0.8, "drafter": 0.45, "specdecode": 0.8}.get(cell.scheme, 0.6 + 0.025 * (threshold or 0))
    right += draws.uniform(-0.04, 0.04)
    return CellFigures(
        key=f"cell-{place}",
        label=label,
        pair=cell.pair,
        dataset=cell.dataset,
        scheme=cell.scheme,
        knobs=dict(cell.knobs),
        batch_ids=(UUID(int=place + 1),),
        num_problems=24,
        num_jobs=96,
        num_succeeded=95,
        num_graded=95,
        concurrency=3.9,
        pass_at_1=about(right, 0.05),
        latency_s=about(30 * fast * draws.uniform(0.9, 1.1), 2.0 * fast),
        kept_tokens=about(900 * draws.uniform(0.8, 1.2), 60),
        acceptance=about(0.98 - 0.06 * threshold, 0.03) if threshold is not None else None,
        speedup=about(1 / fast, 0.1),
    )
