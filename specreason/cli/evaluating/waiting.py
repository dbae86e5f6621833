"""Waits for the cells of an evaluation: a bar for each on a terminal, elsewhere a plain line every ten seconds."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.text import Text

from specreason.cli.evaluating.deployment import Deployment
from specreason.cli.show.output import message_console
from specreason.cli.waiting.bars import Bars, Row
from specreason.cli.waiting.pace import LINE_EVERY_S, Beat
from specreason.cli.waiting.progress import back_in_words, details_in_words, jobs_in_words, outage_in_words
from specreason.client import Batch
from specreason.errors import TransientError
from specreason.evaluation.cells import Cell
from specreason.evaluation.pace import left_in_words
from specreason.words import counted

# Lines of a terminal that are not those of cells: the one about all of them, one about an outage, and the cursor's.
OTHER_LINES = 3


class Cells:
    """All cells together: what is left, and at which pace it becomes less."""

    def __init__(self, batches: Mapping[Cell, Sequence[Batch]], labels: Mapping[Cell, str]) -> None:
        self.rows = [Row(of_cell, labels[cell]) for cell, of_cell in batches.items()]
        self._all = Row([batch for of_cell in batches.values() for batch in of_cell], "all cells")

    def show(self, batch: Batch) -> None:
        for row in (*self.rows, self._all):
            row.update(batch)

    def at_most(self, number: int) -> list[Row]:
        """Of more cells than `number` those that have not ended go first. All are in the order of the grid."""
        chosen = sorted(self.rows, key=_has_ended)[: max(number, 1)]
        return [row for row in self.rows if row in chosen]

    def in_words(self) -> str:
        """How many of all jobs have ended, and when the last one may, at the pace of the newest."""
        num_left = self._all.num_jobs - self._all.num_ended
        parts = (jobs_in_words(self._all.batches), left_in_words(self._all.rate, num_left))
        return f"all cells: {', '.join(filter(None, parts))}"


class CellBars:
    """A bar for each cell, and a line about all."""

    def __init__(self, console: Console, cells: Cells) -> None:
        self._cells = cells
        self._bars = Bars(console, [], rows=cells.rows, details=details_of_cell)

    def show(self, batch: Batch) -> None:
        self._cells.show(batch)
        self._bars.show(batch)

    def tell_outage(self, seconds: float, error: TransientError) -> None:
        self._bars.tell_outage(seconds, error)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        rows = self._cells.at_most(options.max_height - OTHER_LINES)
        self._bars.show_rows(rows)
        yield self._bars
        num_hidden = len(self._cells.rows) - len(rows)
        hidden = f"; {counted(num_hidden, 'cell')} more than fit here" if num_hidden else ""
        yield Text(self._cells.in_words() + hidden, style="dim", no_wrap=True, overflow="ellipsis")


class CellLines:
    """A line when a cell has ended, and every ten seconds one about all cells and those that run."""

    def __init__(self, console: Console, cells: Cells) -> None:
        self._console, self._cells = console, cells
        self._ended = {row.label for row in cells.rows if _has_ended(row)}
        self._beat, self._outage_beat = Beat(LINE_EVERY_S), Beat(LINE_EVERY_S)
        self._away_since: float | None = None

    def show(self, batch: Batch) -> None:
        now = time.monotonic()
        if self._away_since is not None:
            self._print(back_in_words(now - self._away_since))
            self._away_since, self._outage_beat = None, Beat(LINE_EVERY_S)
        self._cells.show(batch)
        for row in self._cells.rows:
            if not _has_ended(row):
                self._ended.discard(row.label)  # somebody has requeued its jobs
            elif row.label not in self._ended:
                self._ended.add(row.label)
                self._print(_in_words(row))
        if self._beat.is_due(now):
            running = [_in_words(row) for row in self._cells.rows if 0 < row.num_ended < row.num_jobs]
            self._print("; ".join([self._cells.in_words(), *running]))

    def tell_outage(self, seconds: float, error: TransientError) -> None:
        now = time.monotonic()
        self._away_since = now - seconds
        if self._outage_beat.is_due(now):
            self._print(outage_in_words(seconds, error))

    def _print(self, line: str) -> None:
        self._console.print(line, soft_wrap=True, markup=False)


def details_of_cell(batches: Sequence[Batch], rate: float, drop: int) -> str:
    """What is said beside the counts of a cell: pass@1 so far, and what is said of batches."""
    num_graded = sum(batch.num_graded for batch in batches)
    share = sum(batch.num_correct for batch in batches) / num_graded if num_graded else 0.0
    so_far = f"pass@1 {share:.2f}" if num_graded and drop <= 1 else ""
    return ", ".join(filter(None, (so_far, details_in_words(batches, rate, drop=drop))))


@contextmanager
def display_of_cells(cells: Cells) -> Iterator[CellBars | CellLines]:
    """Show the cells until the end of the block, on stderr."""
    console = message_console()
    if not console.is_interactive:
        yield CellLines(console, cells)
        return
    bars = CellBars(console, cells)
    with Live(bars, console=console, refresh_per_second=4):
        yield bars


def wait_for(
    deployment: Deployment,
    batches: Sequence[Batch],
    display: CellBars | CellLines,
    *,
    timeout_s: float | None,
) -> list[Batch]:
    """Wait until all jobs of the batches have ended and are graded. Raises as `Client.wait_all` does.

    Raises EmbeddedServerError if a part of the command's own stack ends meanwhile.
    """

    def show(batch: Batch) -> None:
        deployment.check()
        display.show(batch)

    def tell_outage(seconds: float, error: TransientError) -> None:
        deployment.check()
        display.tell_outage(seconds, error)

    return deployment.client.wait_all([batch.batch_id for batch in batches], timeout_s, show, tell_outage)


def _has_ended(row: Row) -> bool:
    return row.num_ended == row.num_jobs


def _in_words(row: Row) -> str:
    return f"{row.label}: {jobs_in_words(row.batches)}, {details_of_cell(row.batches, row.rate, 0)}"
