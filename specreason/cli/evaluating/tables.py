"""Tables of an evaluation: what it will run, and what it has found."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from specreason.cli.evaluating.asked import Asked
from specreason.cli.evaluating.expecting import CellEstimates
from specreason.cli.show.batches import counts_in_words
from specreason.cli.show.estimates import in_words
from specreason.cli.show.figures import short_latency
from specreason.cli.show.output import data_console, number, print_message
from specreason.cli.show.tables import Column, print_table
from specreason.client import Batch, short_id
from specreason.evaluation.cells import Cell
from specreason.evaluation.plan.missing import Planned
from specreason.evaluation.report.values import CellFigures
from specreason.words import counted

FIGURES = (
    Column(heading="cell"),
    Column(heading="pair", drop=1),
    Column(heading="jobs", justify="right", drop=2),
    Column(heading="pass@1", justify="right"),
    Column(heading="95 %", justify="right", drop=4),
    Column(heading="s (in flight)", justify="right"),
    Column(heading="accepted", justify="right", drop=3),
    Column(heading="speedup", justify="right"),
)
PLAN = (
    Column(heading="cell"),
    Column(heading="pair", drop=1),
    Column(heading="problems", justify="right", drop=3),
    Column(heading="repeats there", justify="right"),
    Column(heading="missing", justify="right"),
    Column(heading="jobs to run", justify="right"),
    Column(heading="hours", justify="right", drop=2),
)
SECONDS_PER_HOUR = 3600


def print_figures(cells: Sequence[CellFigures]) -> None:
    """Print a row per cell."""
    rows = []
    for cell in cells:
        grade, latency = cell.pass_at_1, cell.latency_s
        rows.append(
            (
                cell.label,
                cell.pair,
                f"{cell.num_succeeded}/{cell.num_jobs}",
                None if grade is None else f"{grade.mean:.2f}",
                None if grade is None or grade.bounds is None else f"{grade.low:.2f}–{grade.high:.2f}",
                short_latency(None if latency is None else latency.mean, cell.concurrency),
                number(None if cell.acceptance is None else cell.acceptance.mean, "{:.0%}"),
                number(None if cell.speedup is None else cell.speedup.mean, "{:.2f}×"),
            )
        )
    print_table(data_console(), FIGURES, rows)


def plan_as_json(asked: Asked, cells: Sequence[Planned], expected: CellEstimates) -> dict[str, Any]:
    """What a dry run says to a program."""
    return {
        "eval": asked.name,
        "num_jobs_to_run": sum(_num_jobs(asked, each) for each in cells),
        "cells": [
            {
                "label": asked.labels[each.cell],
                "pair": each.cell.pair,
                "dataset": each.cell.dataset,
                "scheme": each.cell.scheme,
                "knobs": dict(each.cell.knobs),
                "num_problems": asked.num_problems(each.cell),
                "num_repeats_there": each.num_there,
                "num_repeats_missing": each.num_missing,
                "num_jobs_to_run": _num_jobs(asked, each),
                "estimate": estimate,
            }
            for each, estimate in zip(cells, expected.estimates, strict=True)
        ],
        "no_estimate_because": expected.why_none,
    }


def print_plan(asked: Asked, cells: Sequence[Planned], expected: CellEstimates) -> None:
    """Print what each cell has and lacks, and the hours that past jobs let expect."""
    print_table(
        data_console(),
        PLAN,
        (
            (
                asked.labels[each.cell],
                each.cell.pair,
                str(asked.num_problems(each.cell)),
                str(each.num_there),
                str(each.num_missing),
                f"{_num_jobs(asked, each):,}",
                in_words(one.wall_s.times(1 / SECONDS_PER_HOUR)) if one and one.wall_s else None,
            )
            for each, one in zip(cells, expected.estimates, strict=True)
        ),
    )
    if expected.why_none is not None:
        print_message(f"no estimate of the time: {expected.why_none}")
    num_jobs = sum(_num_jobs(asked, each) for each in cells)
    print_message(f"the eval '{asked.name}': {counted(num_jobs, 'job')} to run; nothing was sent")


def tell_failures(batches: Mapping[Cell, Sequence[Batch]], as_hint: Callable[[str], str]) -> None:
    """Say of each batch whose jobs did not all succeed what became of them, and what runs them again.

    `as_hint` says where a command is to be run.
    """
    for batch in (batch for of_cell in batches.values() for batch in of_cell):
        if batch.num_succeeded == batch.num_jobs:
            continue
        ref = short_id(batch.batch_id)
        stopped = [state for state in ("cancelled", "expired") if batch.counts.get(state)]
        command = f"specreason batch retry {ref}"
        if stopped:
            states = [*stopped, *(state for state in ("failed", "dead") if batch.counts.get(state))]
            command = f"specreason batch requeue {ref} {' '.join(f'--state {state}' for state in states)}"
        print_message(
            f"{batch.name}: {counts_in_words(batch)}; {as_hint(command)} runs the others again, and this command "
            "waits for them"
        )


def _num_jobs(asked: Asked, each: Planned) -> int:
    return asked.num_problems(each.cell) * each.num_missing
