"""Rings the doorbell: sends a job's id by task name. It never imports the worker and never loads a model."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from uuid import UUID

from celery import Celery
from kombu.exceptions import OperationalError

from specreason.queues import PUBLISHER_CONFIG, RUN_JOB, announcement

log = logging.getLogger(__name__)


class Publisher:
    """Sends messages. A broker that is away is no error: the dispatcher announces what was not heard of."""

    def __init__(self, broker_url: str) -> None:
        self._celery = Celery("specreason", broker=broker_url)
        self._celery.conf.update(PUBLISHER_CONFIG)

    def announce(self, pair: str, job_ids: Iterable[UUID]) -> None:
        """Send one message per job to the pair's queue."""
        try:
            for job_id in job_ids:
                self._celery.send_task(RUN_JOB, **announcement(pair, job_id))
        except OperationalError as error:
            log.warning("the broker does not answer; the dispatcher will announce the jobs: %s", error)
