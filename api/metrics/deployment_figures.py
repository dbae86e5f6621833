"""What the whole deployment does, read from Postgres when somebody asks, every few seconds at most.

While Postgres does not answer, `specreason_database_up` is 0 and the other figures are missing: none is old.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from specreason.errors import StoreUnavailable
from specreason.store.read.event_counts import EventCounts, WhatHappened
from specreason.store.read.queues import Queue, Queues, read_queues
from specreason.store.session import Database

log = logging.getLogger(__name__)

FRESH_S = 5.0
# How long one request waits for another that asks Postgres: each waits in a thread that other requests need, too.
PATIENCE_S = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """One look at Postgres."""

    queues: Queues
    events: Mapping[WhatHappened, int]


class DeploymentFigures(Collector):
    """Collects the figures. However many ask at once, Postgres is asked once in FRESH_S seconds."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._events = EventCounts(database)
        self._lock = threading.Lock()
        self._known: Figures | None = None
        self._look_at = 0.0

    def describe(self) -> tuple[Metric, ...]:
        """Nothing: a registry would collect once to learn the names, before there may be a database."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """The families of this moment."""
        figures = self._latest()
        yield GaugeMetricFamily(
            "specreason_database_up", "1 if Postgres has answered in time.", 0 if figures is None else 1
        )
        if figures is None:
            return
        yield from _of_queues(figures.queues)
        yield from _of_grader(figures.queues)
        events = CounterMetricFamily(
            "specreason_events",
            "Events of the whole deployment since this process first looked; every API counts all of them.",
            labels=("kind", "outcome"),
        )
        for what, number in figures.events.items():
            events.add_metric((what.kind, what.outcome or ""), number)
        yield events

    def _latest(self) -> Figures | None:
        if not self._lock.acquire(timeout=PATIENCE_S):
            return None
        try:
            if time.monotonic() >= self._look_at:
                self._known = self._look()
                self._look_at = time.monotonic() + FRESH_S
            return self._known
        finally:
            self._lock.release()

    def _look(self) -> Figures | None:
        try:
            return Figures(queues=read_queues(self._database), events=self._events.read())
        except StoreUnavailable as error:
            log.warning("metrics: %s", error)
            return None


def _of_queues(queues: Queues) -> Iterator[Metric]:
    jobs = GaugeMetricFamily(
        "specreason_jobs",
        "Open jobs; queued ones of paused batches are left out. Counted up to 100,000.",
        labels=("pair", "state"),
    )
    age = GaugeMetricFamily(
        "specreason_queue_age_seconds",
        "Seconds since the submission of the oldest job that waits for a worker; 0 if there is none.",
        labels=("pair",),
    )
    workers = GaugeMetricFamily("specreason_workers", "Live workers.", labels=("pair",))
    slots = GaugeMetricFamily(
        "specreason_slots", "The most jobs in flight on live workers.", labels=("pair",)
    )
    now = datetime.now(UTC)
    for queue in queues.pairs:
        for state, number in _states_of(queue).items():
            jobs.add_metric((queue.pair, state), number)
        waited_s = 0.0 if queue.oldest_at is None else (now - queue.oldest_at).total_seconds()
        age.add_metric((queue.pair,), max(0.0, waited_s))
        workers.add_metric((queue.pair,), queue.num_workers)
        slots.add_metric((queue.pair,), queue.slots)
    yield from (jobs, age, workers, slots)


def _states_of(queue: Queue) -> Mapping[str, int]:
    """`announced` jobs are queued ones whose message is out: each job is in one state."""
    return {
        "queued": queue.num_queued - queue.num_announced,
        "announced": queue.num_announced,
        "running": queue.num_running,
    }


def _of_grader(queues: Queues) -> Iterator[Metric]:
    yield GaugeMetricFamily(
        "specreason_ungraded_answers",
        "Answers that wait for a grade. Counted up to 100,000.",
        queues.num_ungraded,
    )
    recent = GaugeMetricFamily(
        "specreason_recent_grades",
        "Grades of the last ten minutes. Counted up to 10,000.",
        labels=("given_up",),
    )
    recent.add_metric(("false",), queues.num_graded - queues.num_given_up)
    recent.add_metric(("true",), queues.num_given_up)
    yield recent
