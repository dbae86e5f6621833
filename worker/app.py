"""The Celery application: one message type, no results. Postgres decides whether a message still counts."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any
from uuid import UUID

from celery import Celery
from celery.concurrency.thread import TaskPool
from kombu.asynchronous import get_event_loop

from specreason.addresses import BrokerAddress
from specreason.broker import CELERY_CONFIG
from specreason.doorbell import RUN_JOB, queue_of
from worker.listening import PatientConsumer


def make_app(broker_url: str, run_job: Callable[[UUID], None]) -> Celery:
    """An application that calls `run_job` for each message, in a thread of this process."""
    address = BrokerAddress.parse("broker", broker_url)
    app = Celery("specreason", broker=address.for_celery, set_as_current=False)
    app.conf.update(CELERY_CONFIG)

    @app.task(name=RUN_JOB)  # type: ignore[untyped-decorator]
    def _run_job(job_id: str) -> None:
        run_job(UUID(job_id))

    return app


class Slots(TaskPool):  # type: ignore[misc]  # Celery carries no types
    """Celery's thread pool, but it wakes the consumer as soon as a thread is free.

    By itself, the consumer asks for the next message once a second.
    """

    def on_apply(
        self, target: Any, args: Any = None, kwargs: Any = None, callback: Any = None, **options: Any
    ) -> Any:
        def wake_consumer(result: Any) -> None:
            callback(result)
            loop = get_event_loop()
            if loop is not None:
                loop.call_soon(lambda: None)

        return super().on_apply(target, args, kwargs, callback=wake_consumer, **options)


def serve(app: Celery, pair: str, *, slots: int) -> None:
    """Serve the pair's queue until SIGTERM, with `slots` jobs at a time, each in a thread.

    Threads, because vLLM's engines must be shared and may not be started from prefork's daemonic children.
    """
    # Celery warns root of pickled messages, but these are JSON.
    warnings.filterwarnings("ignore", message="You're running the worker with superuser privileges")
    app.Worker(
        pool=Slots,
        consumer_cls=PatientConsumer,
        concurrency=slots,
        queues=[queue_of(pair)],
        loglevel="WARNING",
        quiet=True,
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
    ).start()
