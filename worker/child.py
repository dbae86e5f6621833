"""The worker's child process: loads the pair, then serves jobs until SIGTERM.

The supervisor reads lines from `--progress-fd`: an empty one at each stage of loading, this worker's id once it can
take jobs, and after that an empty one from time to time while the event loop runs and no engine hangs. Exit status: 0
after SIGTERM, 2 for a configuration that cannot work, 70 after an engine has died, 75 if Postgres did not answer at the
start.
"""

from __future__ import annotations

import argparse
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Coroutine
from dataclasses import asdict
from typing import Any
from uuid import UUID

from celery.signals import worker_shutting_down

from specreason.engines.base import ModelPair
from specreason.engines.pair import close_pair, load_pair
from specreason.errors import InputError, SpecReasonError, StoreUnavailable
from specreason.logs import log_to_stderr
from specreason.pairs import PairConfig, get_pair, load_pairs
from specreason.settings import MOST_SLOTS, Settings, load_settings
from specreason.store.queue.workers import NewWorker, register_worker
from specreason.store.session import Database, connect
from specreason.store.trace.writer import TraceWriter
from worker.app import make_app, serve
from worker.child_process import EXIT_CONFIG, EXIT_ENGINE_DEAD, EXIT_STORE_AWAY
from worker.host import PairHost
from worker.observing.exposition import serve_metrics
from worker.observing.jobs import Observer
from worker.observing.metrics import WorkerMetrics
from worker.observing.spans import spans_to_collector
from worker.run_job import JobRunner

log = logging.getLogger(__name__)

# Seconds between two tries to register.
STORE_AWAY_S = 1.0
# After an engine has died, jobs that have just ended have this long to be stored.
STORE_S = 5.0

# Loads the pair of a name and a configuration, and announces each stage.
Load = Callable[[str, PairConfig, Callable[[str], None]], Coroutine[Any, Any, ModelPair]]


def main(load: Load = load_pair) -> int:
    """Parse the supervisor's arguments, load the pair, and serve; return the exit status."""
    parser = argparse.ArgumentParser(prog="worker")
    parser.add_argument("--pair", required=True)
    parser.add_argument("--progress-fd", required=True, type=int)
    parser.add_argument("--restarts", default=0, type=int)
    arguments = parser.parse_args()
    settings = load_settings()
    log_to_stderr(settings.log_level, settings.log_format)
    try:
        pair = get_pair(load_pairs(settings.pairs_file), arguments.pair)
        metrics = WorkerMetrics(arguments.pair, num_restarts=arguments.restarts)
        run_child(settings, arguments.pair, pair, arguments.progress_fd, load=load, metrics=metrics)
    except InputError as error:
        log.error("%s", error)
        return EXIT_CONFIG
    except StoreUnavailable as error:
        log.error("%s", error)
        return EXIT_STORE_AWAY
    except SpecReasonError as error:
        log.error("%s", error)
        return EXIT_ENGINE_DEAD
    return 0


def run_child(
    settings: Settings,
    name: str,
    config: PairConfig,
    progress_fd: int,
    *,
    load: Load,
    metrics: WorkerMetrics,
) -> None:
    """Load the pair and serve jobs. On SIGTERM, give the running jobs back at their next step boundary."""
    serve_metrics(settings, metrics.registry)
    # A connection is opened when a job's thread needs one, so the number of slots, known later, is the bound.
    database = connect(settings.database(), pool_size=(settings.slots or MOST_SLOTS) + 2)
    host = PairHost()
    started = time.monotonic()

    def announce(stage: str) -> None:
        log.info("%s", stage)
        os.write(progress_fd, b"\n")

    pair = host.run(load(name, config, announce))
    slots = pair.slots if settings.slots is None else settings.slots
    kv_tokens = min(pair.drafter.kv_tokens, pair.base.kv_tokens)
    log.info(
        "pair %s is loaded after %.0f s: %d slots, KV caches of %d tokens",
        *(name, time.monotonic() - started, slots, kv_tokens),
    )
    writer = TraceWriter(database)
    new = NewWorker(
        pair=name,
        pair_fingerprint=pair.fingerprint,
        pair_config=stored_pair_config(config, pair),
        host=socket.gethostname(),
        pid=os.getpid(),
        slots=slots,
        gpu=os.environ.get("CUDA_VISIBLE_DEVICES"),
        num_devices=pair.num_devices,
    )
    worker_id = _register(database, new, lease_s=settings.lease_s)
    os.write(progress_fd, f"{worker_id}\n".encode())
    metrics.registered(str(worker_id), pair.fingerprint)
    spans = spans_to_collector(name, str(worker_id))
    observer = Observer(metrics, spans)
    runner = JobRunner(
        database, writer, host, pair, worker_id=worker_id, settings=settings, observer=observer
    )
    metrics.now.read = lambda: runner.now(slots)
    reporting = host.report_progress(pair, progress_fd, on_death=runner.engine_died.set)
    worker_shutting_down.connect(lambda **_: runner.draining.set(), weak=False)
    threading.Thread(target=_leave_with_dead_engine, args=(runner,), daemon=True).start()
    try:
        serve(make_app(settings.broker(), runner), name, slots=slots)
    finally:
        reporting.cancel()
        writer.close()
        spans.close()
        host.run(close_pair(pair))
        host.close()


def stored_pair_config(config: PairConfig, pair: ModelPair) -> dict[str, Any]:
    """The pair's table of pairs.toml, and what its models' generation_config.json say of sampling.

    A run that names no top_k or min_p goes by the latter, and its batch holds them only if the API knew the files.
    """
    defaults = {role: asdict(own) for role, own in pair.generation_defaults.items()}
    return {**config.model_dump(mode="json"), "generation_defaults": defaults}


def _register(database: Database, new: NewWorker, *, lease_s: float) -> UUID:
    """Register the worker; while Postgres is away, try again, as loading the pair may have taken minutes."""
    while True:
        try:
            return register_worker(database, new, lease_s=lease_s)
        except StoreUnavailable as error:
            log.warning("the pair is loaded, but %s", error)
            time.sleep(STORE_AWAY_S)


def _leave_with_dead_engine(runner: JobRunner) -> None:
    """Wait until an engine has died, then end this process: the supervisor starts another one, with new engines."""
    runner.engine_died.wait()
    deadline = time.monotonic() + STORE_S
    while not runner.idle and time.monotonic() < deadline:
        time.sleep(0.05)
    log.error("an engine has died: this worker's child leaves")
    os._exit(EXIT_ENGINE_DEAD)
