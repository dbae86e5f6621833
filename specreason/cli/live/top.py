"""`specreason top`: queues, workers and the newest batches, drawn again every other second."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.console import Group
from rich.live import Live
from rich.text import Text

from specreason.cli.connection import connected
from specreason.cli.live.moments import Moment, Watcher
from specreason.cli.live.view import line_of, view_of
from specreason.cli.options import ApiUrl, AsJson
from specreason.cli.show.output import data_console, print_json, print_message
from specreason.cli.waiting.bars import Bars
from specreason.cli.waiting.pace import LINE_EVERY_S
from specreason.cli.waiting.progress import outage_in_words
from specreason.errors import TransientError

DRAW_EVERY_S = 2.0
# An API that does not answer for so long ends the command.
OUTAGE_S = 600.0
LONGEST_PAUSE_S = 86_400.0

Show = Callable[[Moment], None]
Tell = Callable[[str], None]


def top(
    *,
    every: Annotated[
        float | None,
        typer.Option(
            min=0.2,
            max=LONGEST_PAUSE_S,
            metavar="SECONDS",
            help="Time between two looks. Default: 2 on a terminal, 10 in a pipe and with --json.",
            show_default=False,
        ),
    ] = None,
    looks: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="NUMBER", help="End after so many looks. Default: at Ctrl-C.", show_default=False
        ),
    ] = None,
    batches: Annotated[int, typer.Option(min=1, max=50, help="How many of the newest batches.")] = 8,
    api: ApiUrl = None,
    as_json: AsJson = False,
) -> None:
    """Watch the whole deployment: queues by pair, workers with their slots, jobs per hour, the newest batches.

    In a pipe it prints a line for each look, with --json a line of JSON.
    """
    with connected(api) as client:
        watcher = Watcher(client, num_batches=batches)
        with _display(as_json=as_json) as (show, tell, pause_s):
            try:
                _watch(watcher, show, tell, every_s=every or pause_s, looks=looks)
            except KeyboardInterrupt:
                # This is how one leaves it.
                return


def _watch(watcher: Watcher, show: Show, tell: Tell, *, every_s: float, looks: int | None) -> None:
    """Look until told to stop. While the API is away, say so and look again; raise its error after OUTAGE_S.

    The first look must succeed: an address that is wrong stays wrong.
    """
    show(watcher.look(time.monotonic()))
    num_looks, away_since = 1, None
    while looks is None or num_looks < looks:
        time.sleep(every_s)
        now = time.monotonic()
        try:
            moment = watcher.look(now)
        except TransientError as error:
            away_since = now if away_since is None else away_since
            away_s = time.monotonic() - away_since
            if away_s > OUTAGE_S:
                raise
            tell(outage_in_words(away_s, error))
            continue
        show(moment)
        num_looks, away_since = num_looks + 1, None


@contextmanager
def _display(*, as_json: bool) -> Iterator[tuple[Show, Tell, float]]:
    """How a moment is shown, how an outage is told, and the seconds between two looks."""
    console = data_console()
    if as_json:
        yield print_json, print_message, LINE_EVERY_S
        return
    if not console.is_interactive:

        def print_line(moment: Moment) -> None:
            console.print(Text(line_of(moment)), soft_wrap=True)

        yield print_line, print_message, LINE_EVERY_S
        return
    bars = Bars(console, ())
    with Live(console=console, auto_refresh=False, vertical_overflow="ellipsis") as live:
        last = [Text("looking …")]

        def draw(moment: Moment) -> None:
            bars.show_only(moment.batches)
            last[:] = [view_of(moment, bars, console.width)]  # type: ignore[list-item]
            live.update(last[0], refresh=True)

        def tell(outage: str) -> None:
            live.update(Group(last[0], Text(outage, style="yellow")), refresh=True)

        yield draw, tell, DRAW_EVERY_S
