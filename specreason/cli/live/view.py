"""A moment as a person reads it: tables and bars on a terminal, one line in a pipe."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from rich import box
from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from specreason.cli.live.moments import Moment
from specreason.cli.waiting.bars import Bars
from specreason.cli.waiting.pace import duration_in_words
from specreason.cli.waiting.progress import shortened
from specreason.client import Queue, Worker, short_id
from specreason.visible import on_one_line
from specreason.words import counted

LEAST_SLOT_BAR, MOST_SLOT_BAR = 4, 32
# Queues and workers that are listed; of more than so many the rest is counted.
MOST_ROWS = 8
# A terminal with fewer cells has no room for what is merely good to know, nor for a long name of a pair.
LEAST_WIDE = 64
NARROW_PAIR = 10


def head_of(moment: Moment) -> Text:
    """The line that says how the whole deployment is."""
    slots = sum(queue.slots for queue in moment.queues.pairs)
    running = sum(queue.num_running for queue in moment.queues.pairs)
    parts = [
        Text(f"{moment.at.astimezone():%H:%M:%S}", style="dim"),
        Text(
            counted(moment.num_workers, "live worker"),
            style="" if moment.num_workers else "yellow",
        ),
        Text(f"{running}/{slots} slots in use"),
        Text(rate_of(moment)),
    ]
    if moment.acceptance is not None:
        parts.append(Text(f"{moment.acceptance:.0%} accepted"))
    if moment.queues.num_ungraded:
        parts.append(Text(f"{moment.queues.num_ungraded:,} to grade"))
    return Text(" · ").join(parts)


def rate_of(moment: Moment) -> str:
    """Jobs per hour since the first look; what had ended before says nothing of it."""
    rate = moment.jobs_per_hour
    return "no job has ended since the first look" if rate is None else f"{rate:,.0f} jobs/h"


def view_of(moment: Moment, bars: Bars, width: int) -> RenderableType:
    """Everything, for a terminal of `width` cells: a narrow one has fewer columns, and every count whole."""
    is_wide = width >= LEAST_WIDE
    parts: list[RenderableType] = [head_of(moment), Text()]
    if moment.queues.pairs:
        parts += [_queues(moment.queues.pairs, moment.at, is_wide=is_wide), Text()]
    if moment.workers:
        parts += [_workers(moment, is_wide=is_wide), Text()]
    if moment.batches:
        parts += [Text("newest batches", style="bold"), bars]
    else:
        parts.append(Text("no batches yet: `specreason submit FILE` makes one"))
    return Group(*parts)


def line_of(moment: Moment) -> str:
    """The same on one line, without the workers."""
    queues = [
        f"{on_one_line(queue.pair)}: {queue.num_queued:,} queued, {queue.num_running:,} running on "
        f"{counted(queue.num_workers, 'worker')}"
        for queue in moment.queues.pairs
    ]
    num_open = sum(not batch.ended for batch in moment.batches)
    return "; ".join(
        [
            head_of(moment).plain,
            *queues,
            f"{num_open} of the {counted(len(moment.batches), 'newest batch')} open",
        ]
    )


def _queues(queues: Sequence[Queue], at: datetime, *, is_wide: bool) -> Table:
    counts = ("queued", "running", *(("oldest",) if is_wide else ()), "workers")
    table = _table("pair", *counts, right=counts)
    for queue in queues[:MOST_ROWS]:
        stuck = queue.num_queued and not queue.num_workers
        waited = (
            ""
            if queue.oldest_at is None
            else duration_in_words(max(0.0, (at - queue.oldest_at).total_seconds()))
        )
        table.add_row(
            _pair(queue.pair, is_wide=is_wide),
            f"{queue.num_queued:,}",
            f"{queue.num_running:,}",
            *([waited] if is_wide else []),
            Text(str(queue.num_workers), style="yellow" if stuck else ""),
        )
    return _with_the_rest(table, len(queues), "pair")


def _workers(moment: Moment, *, is_wide: bool) -> Table:
    table = _table("pair", *(("worker", "host") if is_wide else ()), "slots in use", right=())
    for worker in moment.workers[:MOST_ROWS]:
        who = (
            Text(short_id(worker.worker_id)),
            Text(f"{on_one_line(worker.host)}:{worker.pid}"),
        )
        table.add_row(_pair(worker.pair, is_wide=is_wide), *(who if is_wide else ()), _slots(worker))
    return _with_the_rest(table, moment.num_workers, "worker")


def _pair(name: str, *, is_wide: bool) -> Text:
    whole = on_one_line(name)
    return Text(whole if is_wide else shortened(whole, min(NARROW_PAIR, cell_len(whole))))


def _slots(worker: Worker) -> Text:
    """A sign for each slot, or for each of a fixed number of parts of them."""
    cells = (
        min(max(worker.slots, LEAST_SLOT_BAR), MOST_SLOT_BAR)
        if worker.slots > MOST_SLOT_BAR
        else worker.slots
    )
    used = min(cells, -(-cells * worker.num_running // worker.slots))
    return Text.assemble(
        ("■" * used, "cyan"), ("·" * (cells - used), "dim"), f" {worker.num_running}/{worker.slots}"
    )


def _table(*headings: str, right: Sequence[str] = ()) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in headings:
        is_right = heading in right
        table.add_column(heading, justify="right" if is_right else "left", no_wrap=True, overflow="ellipsis")
    return table


def _with_the_rest(table: Table, number: int, what: str) -> Table:
    if number > MOST_ROWS:
        table.caption = f"and {counted(number - MOST_ROWS, f'more {what}')}"
        table.caption_justify = "left"
    return table
