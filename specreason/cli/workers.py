"""`specreason workers`: who runs jobs."""

from __future__ import annotations

from rich.markup import escape

from specreason.cli.connection import connected
from specreason.cli.options import ApiUrl, AsJson
from specreason.cli.show.output import plain_table, print_list_as_json, print_table


def workers(api: ApiUrl = None, as_json: AsJson = False) -> None:
    """List the workers, live ones first: their pairs, whether their leases count, and the slots they use."""
    with connected(api) as client:
        found = client.workers()
    if as_json:
        print_list_as_json(found)
        return
    table = plain_table("worker", "pair", "host", "gpu", "state", "slots in use", "last heard of")
    for worker in found:
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
