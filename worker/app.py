"""The Celery application: one message type, no results. Postgres decides what a message is worth."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from uuid import UUID

from celery import Celery

from specreason.queues import CELERY_CONFIG, RUN_JOB, queue_of


def make_app(broker_url: str, run_job: Callable[[UUID], None] | None = None) -> Celery:
    """An application that sends messages and, given `run_job`, serves them in threads of this process."""
    app = Celery("specreason", broker=broker_url, set_as_current=False)
    app.conf.update(CELERY_CONFIG)
    if run_job is not None:

        @app.task(name=RUN_JOB)  # type: ignore[untyped-decorator]
        def _run_job(job_id: str) -> None:
            run_job(UUID(job_id))

    return app


def serve(app: Celery, pair: str, *, slots: int) -> None:
    """Take messages of the pair's queue until SIGTERM; `slots` jobs at a time, each in a thread.

    Threads, because vLLM's engines must be shared and may not be started from prefork's daemonic children.
    """
    # It warns root of pickled messages; ours are JSON.
    warnings.filterwarnings("ignore", message="You're running the worker with superuser privileges")
    app.Worker(
        pool="threads",
        concurrency=slots,
        queues=[queue_of(pair)],
        loglevel="WARNING",
        quiet=True,
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
    ).start()
