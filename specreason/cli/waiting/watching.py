"""Waits for batches: bars on a terminal, elsewhere a plain line every ten seconds. Ctrl-C only detaches."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol
from uuid import UUID

from rich.console import Console
from rich.live import Live

from specreason.cli.exits import EXIT_SOME_FAILED
from specreason.cli.show.output import message_console
from specreason.cli.show.submission import look_again
from specreason.cli.waiting.bars import Bars
from specreason.cli.waiting.leaving import saying_at_the_end
from specreason.cli.waiting.pace import LINE_EVERY_S, Beat, Pace
from specreason.cli.waiting.progress import (
    back_in_words,
    details_in_words,
    ended_in_words,
    jobs_in_words,
    label_of,
    outage_in_words,
)
from specreason.client import Batch, Client
from specreason.errors import NotConnected, TimedOut, TransientError, Unreachable


class Display(Protocol):
    """Shows the state of batches, and of the API while it is away."""

    def show(self, batch: Batch) -> None: ...

    def tell_outage(self, seconds: float, error: TransientError) -> None: ...


class Lines:
    """A line when a batch has ended, and every ten seconds one about all that are watched, or about an outage."""

    def __init__(self, console: Console, batches: Sequence[Batch]) -> None:
        self._console = console
        self._latest = {batch.batch_id: batch for batch in batches}
        self._ended: set[UUID] = set()
        self._pace = Pace()
        self._beat = Beat(LINE_EVERY_S)
        self._outage_beat = Beat(LINE_EVERY_S)
        self._away_since: float | None = None

    def show(self, batch: Batch) -> None:
        now = time.monotonic()
        if self._away_since is not None:
            self._print(back_in_words(now - self._away_since))
            self._away_since, self._outage_beat = None, Beat(LINE_EVERY_S)
        self._latest[batch.batch_id] = batch
        together = list(self._latest.values())
        rate = self._pace.update(now, sum(each.num_ended for each in together))
        if batch.ended:
            # A batch is shown again while its grades are waited for.
            if batch.batch_id not in self._ended:
                self._ended.add(batch.batch_id)
                self._print(ended_in_words(batch))
        elif self._beat.is_due(now):
            label = label_of(batch) if len(together) == 1 else f"{len(together)} batches"
            counted = f"{label}: {jobs_in_words(together)}"
            self._print(", ".join(filter(None, (counted, details_in_words(together, rate)))))

    def tell_outage(self, seconds: float, error: TransientError) -> None:
        now = time.monotonic()
        self._away_since = now - seconds
        if self._outage_beat.is_due(now):
            self._print(outage_in_words(seconds, error))

    def _print(self, line: str) -> None:
        self._console.print(line, soft_wrap=True, markup=False)


def watched(client: Client, batches: Sequence[Batch], *, timeout_s: float | None) -> list[Batch]:
    """Wait until all jobs have ended. Raises what `Client.wait_all` raises; the batches go on whatever happens here."""
    with display_of(batches) as display:
        ids = [batch.batch_id for batch in batches]
        return client.wait_all(ids, timeout_s, display.show, display.tell_outage)


@contextmanager
def naming_a_way_back(refs: Sequence[str], api_url: str | None) -> Iterator[None]:
    """Whatever ends the block early names one command to look again, at the API that the user named.

    Ctrl-C raises Detached, SIGTERM raises Stopped.
    """
    again = look_again(refs, api_url)
    go_on = f"the work goes on. Look again: {again}"
    try:
        with saying_at_the_end(interrupted=f"detached; {go_on}", stopped=f"stopped waiting; {go_on}"):
            yield
    except NotConnected:
        # The user's first request, which is the command to repeat.
        raise
    except TimedOut as error:
        raise TimedOut(f"{error}; what is stored goes on. Look again: {again}") from error
    except Unreachable as error:
        raise Unreachable(f"{error}; what is stored is not lost. Look again: {again}") from error


def exit_status_of(batches: Sequence[Batch]) -> int:
    """Return 0 if every job succeeded, else EXIT_SOME_FAILED."""
    return 0 if all(batch.num_succeeded == batch.num_jobs for batch in batches) else EXIT_SOME_FAILED


@contextmanager
def display_of(batches: Sequence[Batch]) -> Iterator[Display]:
    """Show the batches until the end of the block, on stderr: bars if its cursor can be moved, else lines."""
    console = message_console()
    if not console.is_interactive:
        yield Lines(console, batches)
        return
    bars = Bars(console, batches)
    with Live(bars, console=console, refresh_per_second=4):
        yield bars
