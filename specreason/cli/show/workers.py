"""Workers as a table."""

from __future__ import annotations

from collections.abc import Iterable

from rich.markup import escape

from specreason.cli.show.output import plain_table, print_table
from specreason.client import Worker


def print_workers(workers: Iterable[Worker]) -> None:
    """Print one row per worker."""
    table = plain_table("worker", "pair", "host", "gpu", "state", "slots in use", "last heard of")
    for worker in workers:
        state = "alive" if worker.alive else "stopped" if worker.stopped_at else "lost"
        table.add_row(
            str(worker.worker_id),
            escape(worker.pair),
            escape(f"{worker.host}:{worker.pid}"),
            escape(worker.gpu or "–"),
            state,
            f"{worker.num_running}/{worker.slots}",
            f"{worker.heartbeat_at.astimezone():%Y-%m-%d %H:%M:%S}",
        )
    print_table(table)
