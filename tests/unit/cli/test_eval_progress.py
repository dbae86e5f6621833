"""What is shown of the cells of an evaluation while they run."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from rich.cells import cell_len
from rich.console import Console

from specreason.cli.evaluating.waiting import CellBars, CellLines, Cells
from specreason.cli.waiting import bars
from specreason.client import Batch
from specreason.config import SchemeName
from specreason.evaluation.cells import Cell
from tests.support.client_batches import client_batch
from tests.support.virtual_time import FakeTime

BASE = Cell("demo", "sums", SchemeName.BASE, ())
SPECREASON = Cell("demo", "sums", SchemeName.SPECREASON, ())
LABELS = {BASE: "base", SPECREASON: "specreason at 7"}
FIRST, LATER, OTHER = (UUID(int=number) for number in (1, 2, 3))


def batch(batch_id: UUID, **counts: Any) -> Batch:
    return replace(client_batch(**counts), batch_id=batch_id)


def cells() -> Cells:
    """The base has a first and a later batch, specreason one that waits."""
    first = batch(FIRST, num_succeeded=4, num_graded=4, num_correct=3)
    return Cells(
        {BASE: [first, batch(LATER, num_queued=4)], SPECREASON: [batch(OTHER, num_queued=4)]}, LABELS
    )


@pytest.mark.parametrize("width", [60, 80, 160])
def test_a_cell_has_one_line_for_all_of_its_batches_and_a_last_line_counts_all(width: int) -> None:
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None)
    view = CellBars(console, cells())
    view.show(batch(LATER, num_succeeded=2, num_running=2, num_graded=2, num_correct=2))
    console.print(view)
    base, specreason, everything = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert "6/8" in base
    assert "0/4" in specreason
    assert everything.startswith("all cells: 6 of 12 jobs ended")
    assert max(map(cell_len, (base, specreason, everything))) <= width


def test_more_cells_than_lines_leave_the_open_ones_and_the_line_about_all() -> None:
    every = [Cell("demo", f"sums {number}", SchemeName.BASE, ()) for number in range(12)]
    known = {
        cell: [batch(UUID(int=number + 1), **{"num_succeeded" if number < 6 else "num_queued": 1})]
        for number, cell in enumerate(every)
    }
    console = Console(file=io.StringIO(), width=100, height=8, force_terminal=True, color_system=None)
    view = CellBars(console, Cells(known, {cell: cell.dataset for cell in every}))
    view.show(batch(UUID(int=12), num_running=1))
    console.print(view)
    *shown, everything = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert [line.split()[1] for line in shown] == ["6", "7", "8", "9", "10"]
    assert everything.startswith("all cells: 6 of 12 jobs ended")
    assert everything.endswith("7 cells more than fit here")
    view.show(batch(UUID(int=8), num_succeeded=1))  # it is out of sight as soon as it has ended
    console.print(view)
    assert "sums 11" in console.file.getvalue()  # type: ignore[attr-defined]


def test_pass_at_1_so_far_is_over_all_batches_of_the_cell() -> None:
    console = Console(file=io.StringIO(), width=160, force_terminal=True, color_system=None)
    view = CellBars(console, cells())
    view.show(batch(LATER, num_succeeded=4, num_graded=4, num_correct=3))
    console.print(view)
    assert "pass@1 0.75" in console.file.getvalue()  # type: ignore[attr-defined]


def test_in_a_pipe_a_cell_that_has_ended_is_told_once() -> None:
    console = Console(file=io.StringIO(), width=160)
    lines = CellLines(console, cells())
    ended = batch(LATER, num_succeeded=3, num_failed=1, num_graded=3, num_correct=3)
    for _ in range(3):
        lines.show(ended)
    said = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert [line for line in said if line.startswith("base:")] == [
        "base: 8 of 8 jobs ended, pass@1 0.86, 7 succeeded, 1 failed"
    ]
    assert sum(line.startswith("all cells: 8 of 12 jobs ended") for line in said) == 1


def test_the_time_in_which_models_load_is_no_part_of_the_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = FakeTime()
    monkeypatch.setattr(bars, "time", clock)
    row = bars.Row([batch(FIRST, num_queued=4)])
    clock.sleep(600)
    row.update(batch(FIRST, num_queued=4))
    row.update(batch(FIRST, num_queued=3, num_running=1))
    clock.sleep(10)
    row.update(batch(FIRST, num_queued=3, num_succeeded=1))
    assert row.rate == pytest.approx(0.1)
