"""A bar for each batch that is waited for, on a terminal of any width."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from specreason.cli.waiting.pace import Pace, clock_in_words
from specreason.cli.waiting.progress import (
    NUM_LEVELS,
    back_in_words,
    details_in_words,
    duration_of,
    fitted,
    label_of,
    outage_in_words,
    shortened,
)
from specreason.client import Batch
from specreason.errors import TransientError


def details_of_batches(batches: Sequence[Batch], rate: float, drop: int) -> str:
    """What a wait says of batches beside their counts."""
    return details_in_words(batches, rate, drop=drop)


# What is said beside the counts of some batches: of the batches, their jobs per second, and what to leave out.
Details = Callable[[Sequence[Batch], float, int], str]


class Row:
    """The batches of one line. `label` may be a text of its own; else it is that of the batch.

    Its pace is measured from the moment at which the first job runs: before, a worker may load its models.
    """

    def __init__(self, batches: Sequence[Batch], label: str | None = None) -> None:
        self._label, self._pace, self.rate = label, Pace(), 0.0
        self._latest = {batch.batch_id: batch for batch in batches}
        self._num_before = self.num_ended
        self._has_begun = False
        self.update()

    @property
    def batches(self) -> list[Batch]:
        return list(self._latest.values())

    @property
    def label(self) -> str:
        return label_of(self.batches[0]) if self._label is None else self._label

    @property
    def num_ended(self) -> int:
        return sum(batch.num_ended for batch in self.batches)

    @property
    def num_jobs(self) -> int:
        return sum(batch.num_jobs for batch in self.batches)

    def update(self, latest: Batch | None = None) -> None:
        """Take in a batch as it is now, if it is one of this line."""
        if latest is not None:
            if latest.batch_id not in self._latest:
                return
            self._latest[latest.batch_id] = latest
        if not self._has_begun:
            self._pace = Pace()
            self._has_begun = self.num_ended > self._num_before or any(
                each.num_running for each in self.batches
            )
        self.rate = self._pace.update(time.monotonic(), self.num_ended)


class Bars:
    """A line for each batch, and one more while the API is away. Each drawing fits the terminal's present width.

    `rows` puts several batches into one line, and `details` says other things of them.
    """

    def __init__(
        self,
        console: Console,
        batches: Sequence[Batch],
        *,
        rows: Sequence[Row] | None = None,
        details: Details = details_of_batches,
    ) -> None:
        self._console = console
        self._rows: Sequence[Row] = [Row([batch]) for batch in batches] if rows is None else rows
        self._details = details
        self._outage: tuple[float, TransientError] | None = None

    def show(self, batch: Batch) -> None:
        now = time.monotonic()
        for row in self._rows:
            row.update(batch)
        if self._outage is not None:
            self._console.print(back_in_words(now - self._outage[0]), soft_wrap=True, markup=False)
            self._outage = None

    def show_only(self, batches: Sequence[Batch]) -> None:
        """Show these in this order, and none that was shown before; the pace of those that stay goes on."""
        shown = {row.batches[0].batch_id: row for row in self._rows}
        self._rows = [shown.get(batch.batch_id) or Row([batch]) for batch in batches]
        for batch in batches:
            self.show(batch)

    def show_rows(self, rows: Sequence[Row]) -> None:
        """Show these lines, and none that was shown before."""
        self._rows = rows

    def tell_outage(self, seconds: float, error: TransientError) -> None:
        self._outage = (time.monotonic() - seconds, error)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        now = datetime.now(UTC)
        labels = [row.label for row in self._rows]
        counts = [f"{row.num_ended}/{row.num_jobs}" for row in self._rows]
        clocks = [clock_in_words(max(duration_of(batch, now) for batch in row.batches)) for row in self._rows]
        details = [
            [self._details(row.batches, row.rate, drop) for row in self._rows] for drop in range(NUM_LEVELS)
        ]
        layout = fitted(
            options.max_width,
            label=_widest(labels),
            counts=_widest(counts),
            clock=_widest(clocks),
            details=[_widest(words) for words in details],
        )
        table = Table.grid(padding=(0, 1, 0, 0))
        table.add_column(no_wrap=True, width=layout.label)
        if layout.bar:
            table.add_column(width=layout.bar)
        table.add_column(no_wrap=True, justify="right", width=_widest(counts))
        if layout.has_clock:
            table.add_column(no_wrap=True, width=_widest(clocks))
        table.add_column(no_wrap=True, overflow="crop")
        for number, row in enumerate(self._rows):
            bar = ProgressBar(total=row.num_jobs, completed=row.num_ended, width=layout.bar)
            table.add_row(
                Text(shortened(labels[number], layout.label)),
                *([bar] if layout.bar else []),
                Text(counts[number]),
                *([Text(clocks[number])] if layout.has_clock else []),
                Text(details[layout.drop][number]),
            )
        yield table
        if self._outage is not None:
            since_s, error = self._outage
            yield Text(outage_in_words(time.monotonic() - since_s, error), style="yellow")


def _widest(texts: Sequence[str]) -> int:
    return max((cell_len(text) for text in texts), default=0)
