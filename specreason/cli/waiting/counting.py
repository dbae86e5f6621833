"""Shows how many rows of many a command has gone through: a bar on a terminal, a line every ten seconds elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from specreason.cli.show.output import message_console, print_message
from specreason.cli.waiting.pace import LINE_EVERY_S, Beat


@contextmanager
def shown_rows(doing: str, total: int | None, *, noun: str = "rows") -> Iterator[Callable[[int], None]]:
    """Yield a function that is told of more rows, or whatever `noun` says, about `total` in all.

    What takes less than ten seconds is silent in a pipe.
    """
    console = message_console()
    if not console.is_interactive:
        yield _lines(doing, total, noun)
        return
    progress = Progress(
        TextColumn(doing, markup=False),
        BarColumn(bar_width=20),
        TextColumn(f"{{task.completed:,.0f}} {noun}", markup=False),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )
    with progress:
        task = progress.add_task("", total=total)
        yield lambda num_rows: progress.advance(task, num_rows)


def _lines(doing: str, total: int | None, noun: str) -> Callable[[int], None]:
    beat = Beat(LINE_EVERY_S)
    beat.is_due(time.monotonic())
    done = 0

    def tell(num_rows: int) -> None:
        nonlocal done
        done += num_rows
        if beat.is_due(time.monotonic()):
            of_all = "" if total is None else f" of about {max(total, done):,}"
            print_message(f"{doing}: {done:,}{of_all} {noun}")

    return tell
