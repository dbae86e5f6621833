"""Runs a worker as a process: checks what it needs, makes its parts, and runs the supervisor."""

from __future__ import annotations

import logging
from collections.abc import Callable

from specreason.broker import refuse_cluster
from specreason.doorbell import Doorbell
from specreason.engines.machine.gpus import Gpu, all_gpus
from specreason.engines.machine.platform import Device, check_platform
from specreason.engines.models.fetching import fetch_missing
from specreason.engines.vllm.engine_args import check_engine_args, vllm_arguments
from specreason.errors import EngineDead
from specreason.logs import log_to_stderr
from specreason.pairs import get_pair, load_pairs
from specreason.settings import load_settings
from specreason.store.migrate import check_schema
from specreason.store.session import connect
from worker.child_process import Patience
from worker.gpus import check_gpus
from worker.leader import Leader
from worker.supervisor import Supervisor

log = logging.getLogger(__name__)


def run_worker(
    pair: str,
    gpu: str | None,
    *,
    child_module: str = "worker",
    before_fetching: Callable[[], None] = lambda: None,
    announce: Callable[[str], None] = log.info,
    on_serving: Callable[[], None] = lambda: None,
) -> int:
    """Run one worker until SIGTERM or SIGINT. Returns the exit status of `Supervisor.run`.

    `gpu` is the child's CUDA_VISIBLE_DEVICES; None leaves it unchanged. Calls `before_fetching` once the settings, the
    pair and the database are checked. Then it fetches the pair's models that are not here, and `announce` gets lines
    about that; only then does the time begin that the child has for loading. Calls `on_serving` whenever a child can
    take jobs.

    Raises InputError for what cannot work, StoreUnavailable if Postgres does not answer, Unreachable if the hub does
    not.
    """
    settings = load_settings()
    log_to_stderr(settings.log_level, settings.log_format)
    config = get_pair(load_pairs(settings.pairs_file), pair)
    device = check_platform()
    check_engine_args(pair, config, known=vllm_arguments(), device=device)
    if gpu is not None:
        check_gpus(gpu, pair, config, _listed_gpus(device))
    database_url, broker_url = settings.database(), settings.broker()
    refuse_cluster(broker_url)
    database = connect(database_url, pool_size=4)
    check_schema(database)
    leader = Leader(database, Doorbell(broker_url), settings)
    before_fetching()
    fetch_missing(config, announce)
    supervisor = Supervisor(
        database,
        leader,
        settings,
        pair,
        gpu,
        patience=Patience.of(settings, device),
        child_module=child_module,
        on_serving=on_serving,
    )
    return supervisor.run()


def _listed_gpus(device: Device) -> tuple[Gpu, ...] | None:
    """Return this machine's GPUs, None if that is not known. A child looks again, and is started again if it fails."""
    try:
        return all_gpus() if device is Device.GPU else None
    except EngineDead as error:
        log.warning("%s", error)
        return None
