"""A bar for each batch that is waited for, on a terminal of any width."""

from __future__ import annotations

import time
from collections.abc import Sequence
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


class Bars:
    """A line for each batch, and one more while the API is away. Each drawing fits the terminal's present width."""

    def __init__(self, console: Console, batches: Sequence[Batch]) -> None:
        self._console = console
        self._paces = {batch.batch_id: Pace() for batch in batches}
        self._rates = {batch.batch_id: 0.0 for batch in batches}
        self._latest = {batch.batch_id: batch for batch in batches}
        self._outage: tuple[float, TransientError] | None = None
        for batch in batches:
            self.show(batch)

    def show(self, batch: Batch) -> None:
        now = time.monotonic()
        self._rates[batch.batch_id] = self._paces[batch.batch_id].update(now, batch.num_ended)
        self._latest[batch.batch_id] = batch
        if self._outage is not None:
            self._console.print(back_in_words(now - self._outage[0]), soft_wrap=True, markup=False)
            self._outage = None

    def show_only(self, batches: Sequence[Batch]) -> None:
        """Show these in this order, and none that was shown before; the pace of those that stay goes on."""
        self._latest = {}
        for batch in batches:
            self._paces.setdefault(batch.batch_id, Pace())
            self.show(batch)

    def tell_outage(self, seconds: float, error: TransientError) -> None:
        self._outage = (time.monotonic() - seconds, error)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        now = datetime.now(UTC)
        lines = [(batch, self._rates[batch.batch_id]) for batch in self._latest.values()]
        labels = [label_of(batch) for batch, _ in lines]
        counts = [f"{batch.num_ended}/{batch.num_jobs}" for batch, _ in lines]
        clocks = [clock_in_words(duration_of(batch, now)) for batch, _ in lines]
        details = [
            [details_in_words([batch], rate, drop=drop) for batch, rate in lines]
            for drop in range(NUM_LEVELS)
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
        for number, (batch, _) in enumerate(lines):
            bar = ProgressBar(total=batch.num_jobs, completed=batch.num_ended, width=layout.bar)
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
