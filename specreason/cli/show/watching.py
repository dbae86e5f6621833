"""Waits for batches: bars on a terminal, elsewhere a plain line every ten seconds. Ctrl-C only detaches."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol
from uuid import UUID

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Column

from specreason.cli.exits import EXIT_SOME_FAILED
from specreason.cli.show.output import message_console
from specreason.cli.show.pace import LINE_EVERY_S, Beat, Pace, pace_in_words
from specreason.client import Batch, Client
from specreason.errors import Detached, TimedOut
from specreason.words import counted


class Display(Protocol):
    """Shows the state of batches."""

    def show(self, batch: Batch) -> None: ...


class Bars:
    """A bar for each batch."""

    def __init__(self, progress: Progress, batches: Sequence[Batch]) -> None:
        self._progress = progress
        self._paces = {batch.batch_id: Pace() for batch in batches}
        self._bars = {
            batch.batch_id: progress.add_task(_label(batch), total=batch.num_jobs, details="")
            for batch in batches
        }
        for batch in batches:
            self.show(batch)

    def show(self, batch: Batch) -> None:
        rate = self._paces[batch.batch_id].update(time.monotonic(), batch.num_ended)
        details = _details([batch], rate)
        self._progress.update(self._bars[batch.batch_id], completed=batch.num_ended, details=details)


class Lines:
    """A line when a batch has ended, and every ten seconds one about all that are watched."""

    def __init__(self, console: Console, batches: Sequence[Batch]) -> None:
        self._console = console
        self._latest = {batch.batch_id: batch for batch in batches}
        self._ended: set[UUID] = set()
        self._pace = Pace()
        self._beat = Beat(LINE_EVERY_S)

    def show(self, batch: Batch) -> None:
        now = time.monotonic()
        self._latest[batch.batch_id] = batch
        together = list(self._latest.values())
        rate = self._pace.update(now, sum(each.num_ended for each in together))
        if batch.ended:
            # A batch is shown again while its grades are waited for.
            if batch.batch_id not in self._ended:
                self._ended.add(batch.batch_id)
                self._print(_label(batch), [batch], 0.0)
        elif self._beat.is_due(now):
            label = _label(batch) if len(together) == 1 else counted(len(together), "batch")
            self._print(label, together, rate)

    def _print(self, label: str, batches: Sequence[Batch], rate: float) -> None:
        num_ended, num_jobs = sum(each.num_ended for each in batches), sum(each.num_jobs for each in batches)
        line = f"{label}: {num_ended} of {counted(num_jobs, 'job')} ended"
        self._console.print(
            ", ".join(filter(None, (line, _details(batches, rate)))), soft_wrap=True, markup=False
        )


def watched(client: Client, batches: Sequence[Batch], *, timeout_s: float | None) -> list[Batch]:
    """Wait until all jobs have ended. Raises TimedOut, and Detached at Ctrl-C; the batches go on all the same."""
    try:
        with display_of(batches) as display:
            return client.wait_all([batch.batch_id for batch in batches], timeout_s, display.show)
    except TimedOut as error:
        raise TimedOut(f"{error}; {_reattach(batches)}") from error
    except KeyboardInterrupt:
        raise Detached(f"detached; {_reattach(batches)}") from None


def exit_status_of(batches: Sequence[Batch]) -> int:
    """Return 0 if every job succeeded, else EXIT_SOME_FAILED."""
    return 0 if all(batch.num_succeeded == batch.num_jobs for batch in batches) else EXIT_SOME_FAILED


@contextmanager
def display_of(batches: Sequence[Batch]) -> Iterator[Display]:
    """Show the batches until the end of the block, on stderr: bars on a terminal, plain lines elsewhere."""
    console = message_console()
    if not console.is_terminal:
        yield Lines(console, batches)
        return
    # On a narrow terminal the bar gets shorter, since no other column wraps.
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(table_column=Column(no_wrap=True)),
        TimeElapsedColumn(table_column=Column(no_wrap=True)),
        TextColumn("{task.fields[details]}", markup=False),
    )
    with Progress(*columns, console=console) as progress:
        yield Bars(progress, batches)


def _label(batch: Batch) -> str:
    return batch.name or f"{batch.scheme} {str(batch.batch_id)[-6:]}"


def _details(batches: Sequence[Batch], rate: float) -> str:
    """Return what is known beside the counts: the pace, a pause, the share of accepted drafts, jobs without success."""
    num_left = sum(batch.num_jobs - batch.num_ended for batch in batches)
    num_bad = sum(batch.num_ended - batch.num_succeeded for batch in batches)
    num_drafted = sum(batch.num_drafted for batch in batches)
    parts = (
        pace_in_words(rate, num_left),
        "paused" if num_left and all(batch.paused_at is not None for batch in batches) else "",
        f"{sum(batch.num_accepted for batch in batches) / num_drafted:.0%} accepted" if num_drafted else "",
        f"{num_bad} without success" if num_bad else "",
    )
    return ", ".join(filter(None, parts))


def _reattach(batches: Sequence[Batch]) -> str:
    commands = " or ".join(f"`specreason batch watch {batch.batch_id}`" for batch in batches)
    return f"the work goes on. Look again: {commands}"
