"""Waits for batches, with a bar where a person looks and a line now and then where none does. Ctrl-C only detaches."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from specreason.cli.exits import EXIT_SOME_FAILED
from specreason.cli.output import message_console, number
from specreason.client import Batch, Client
from specreason.errors import Detached, TimedOut

LINE_EVERY_S = 10.0


class Rate(ProgressColumn):
    """Jobs that end per second, lately."""

    def render(self, task: Task) -> Text:
        return Text("" if task.speed is None else f"{task.speed:.1f}/s")


class Display(Protocol):
    """Shows how a batch stands."""

    def show(self, batch: Batch) -> None: ...


class Bars:
    """A bar for each batch."""

    def __init__(self, progress: Progress, batches: Sequence[Batch]) -> None:
        self._progress = progress
        self._bars = {
            batch.batch_id: progress.add_task(
                _label(batch), total=batch.num_jobs, completed=batch.num_ended, accepted=_accepted(batch)
            )
            for batch in batches
        }

    def show(self, batch: Batch) -> None:
        self._progress.update(
            self._bars[batch.batch_id], completed=batch.num_ended, accepted=_accepted(batch)
        )


class Lines:
    """A line when something has changed, but not too many of them."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._started_at = time.monotonic()
        self._said_at = float("-inf")
        self._first: dict[object, int] = {}

    def show(self, batch: Batch) -> None:
        now = time.monotonic()
        before = self._first.setdefault(batch.batch_id, batch.num_ended)
        if not batch.ended and now - self._said_at < LINE_EVERY_S:
            return
        self._said_at = now
        rate = (batch.num_ended - before) / max(now - self._started_at, 1e-3)
        left_s = (batch.num_jobs - batch.num_ended) / rate if rate else None
        self._console.print(
            f"{_label(batch)}: {batch.num_ended} of {batch.num_jobs} jobs have ended, {rate:.2f}/s, "
            f"{number(left_s, '{:.0f} s')} left{_accepted(batch)}",
            soft_wrap=True,
            markup=False,
        )


def watched(client: Client, batches: Sequence[Batch], *, timeout_s: float | None) -> list[Batch]:
    """The batches once all their jobs have ended. Raises TimedOut, and Detached at Ctrl-C: the batches go on."""
    give_up_at = None if timeout_s is None else time.monotonic() + timeout_s
    ended = []
    try:
        with _display(batches) as display:
            for batch in batches:
                left_s = None if give_up_at is None else max(0.0, give_up_at - time.monotonic())
                ended.append(client.wait(batch.batch_id, left_s, display.show))
    except TimedOut as error:
        raise TimedOut(f"{error}; {_reattach(batches)}") from error
    except KeyboardInterrupt:
        raise Detached(f"detached; {_reattach(batches)}") from None
    return ended


def exit_status_of(batches: Sequence[Batch]) -> int:
    """0 if every job succeeded."""
    return 0 if all(batch.num_succeeded == batch.num_jobs for batch in batches) else EXIT_SOME_FAILED


@contextmanager
def _display(batches: Sequence[Batch]) -> Iterator[Display]:
    console = message_console()
    if not console.is_terminal:
        yield Lines(console)
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        Rate(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[accepted]}"),
    )
    with Progress(*columns, console=console) as progress:
        yield Bars(progress, batches)


def _label(batch: Batch) -> str:
    return batch.name or f"{batch.scheme} {str(batch.batch_id)[-6:]}"


def _accepted(batch: Batch) -> str:
    return "" if batch.step_acceptance is None else f", {batch.step_acceptance:.0%} of drafts kept"


def _reattach(batches: Sequence[Batch]) -> str:
    commands = " or ".join(f"`specreason batch watch {batch.batch_id}`" for batch in batches)
    return f"the work goes on. Look again: {commands}"
