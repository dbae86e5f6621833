"""Workers as a table."""

from __future__ import annotations

from collections.abc import Iterable

from specreason.cli.show.output import data_console, moment
from specreason.cli.show.tables import Column, print_table
from specreason.client import Worker, short_id

COLUMNS = (
    Column(heading="worker"),
    Column(heading="pair", least=12, keeps="ends"),
    Column(heading="host", least=10, keeps="ends", drop=2),
    Column(heading="gpu", least=8, drop=1),
    Column(heading="state"),
    Column(heading="slots in use", justify="right"),
    Column(heading="last heard of", drop=3),
)


def print_workers(workers: Iterable[Worker]) -> None:
    """Print one row per worker."""
    print_table(
        data_console(),
        COLUMNS,
        (
            (
                short_id(worker.worker_id),
                worker.pair,
                f"{worker.host}:{worker.pid}",
                worker.gpu,
                "alive" if worker.alive else "stopped" if worker.stopped_at else "lost",
                f"{worker.num_running}/{worker.slots}",
                moment(worker.heartbeat_at, seconds=True),
            )
            for worker in workers
        ),
    )
