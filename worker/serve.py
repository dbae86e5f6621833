"""Runs a worker as a process: checks what it needs, makes its parts, and runs the supervisor."""

from __future__ import annotations

from collections.abc import Callable

from specreason.doorbell import Doorbell
from specreason.engines.platform import check_platform
from specreason.logs import log_to_stderr
from specreason.pairs import get_pair, load_pairs
from specreason.settings import load_settings
from specreason.store.migrate import check_schema
from specreason.store.session import connect
from worker.leader import Leader
from worker.supervisor import Supervisor


def run_worker(
    pair: str,
    gpu: str | None,
    *,
    child_module: str = "worker",
    before_child: Callable[[], None] = lambda: None,
    on_serving: Callable[[], None] = lambda: None,
) -> int:
    """Run one worker until SIGTERM or SIGINT. Returns the exit status of `Supervisor.run`.

    `gpu` is the child's CUDA_VISIBLE_DEVICES; None leaves it unchanged. Calls `before_child` once the settings and the
    database are checked, and `on_serving` whenever a child can take jobs. Raises InputError for settings that cannot
    work, StoreUnavailable if Postgres does not answer.
    """
    settings = load_settings()
    log_to_stderr(settings.log_level)
    get_pair(load_pairs(settings.pairs_file), pair)
    check_platform()
    database = connect(settings.database(), pool_size=4)
    check_schema(database)
    leader = Leader(database, Doorbell(settings.broker()), settings)
    before_child()
    supervisor = Supervisor(
        database, leader, settings, pair, gpu, child_module=child_module, on_serving=on_serving
    )
    return supervisor.run()
