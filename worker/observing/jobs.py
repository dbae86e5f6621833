"""One job as an observer sees it: it binds the log's words, counts each step as it passes to the store, and its end.

No error of observing reaches the job.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from structlog.contextvars import bind_contextvars, bound_contextvars

from specreason.errors import LeaseLost
from specreason.reasoning.steps import StepRecord
from specreason.store.queue.claims import ClaimedJob
from worker.observing.metrics import WorkerMetrics
from worker.observing.spans import JobSpan, Spans

log = logging.getLogger(__name__)


class DurableSink(Protocol):
    """A sink of steps that can wait until all of them are durable."""

    async def append(self, record: StepRecord) -> None: ...

    async def flush(self) -> None: ...


class ObservedJob:
    """An attempt that runs here and begins with `first_step`. `ended` is called once, by the code that knows how."""

    def __init__(self, metrics: WorkerMetrics, span: JobSpan, *, first_step: int = 0) -> None:
        self._metrics = metrics
        self._span = span
        self._next_step = first_step
        self._has_failed = False

    def see(self, record: StepRecord) -> None:
        """Take note of a step that was handed to the store. Log lines from here on belong to the next one."""
        self._note(lambda: self._metrics.see(record))
        self._note(lambda: self._span.see(record))
        self._next_step = record.index + 1
        bind_contextvars(step=self._next_step)

    @contextmanager
    def steps_elsewhere(self) -> Iterator[None]:
        """While the block waits, steps pass on another thread. Then log lines of this one name the next step, too."""
        try:
            yield
        finally:
            bind_contextvars(step=self._next_step)

    def refused(self) -> None:
        """Take note that the job's claim does not hold any more."""
        self._note(self._metrics.refused)

    def ended(self, outcome: str, error: BaseException | None = None) -> None:
        """Take note of the end; `outcome` is one of metrics.OUTCOMES."""
        self._note(lambda: self._metrics.ended(outcome, error))
        self._note(lambda: self._span.end(outcome, error))

    def _note(self, what: Callable[[], None]) -> None:
        try:
            what()
        except Exception:
            if not self._has_failed:
                log.exception("metrics or spans lack a part of this job; the job goes on")
            self._has_failed = True


class ObservedSink:
    """Passes steps on, and tells `job` of each that was taken."""

    def __init__(self, sink: DurableSink, job: ObservedJob) -> None:
        self._sink = sink
        self._job = job

    async def append(self, record: StepRecord) -> None:
        """As the sink's own; a refused write is counted."""
        try:
            await self._sink.append(record)
        except LeaseLost:
            self._job.refused()
            raise
        self._job.see(record)

    async def flush(self) -> None:
        """As the sink's own; a refused write is counted."""
        try:
            await self._sink.flush()
        except LeaseLost:
            self._job.refused()
            raise


class Observer:
    """Observes the jobs of one child."""

    def __init__(self, metrics: WorkerMetrics, spans: Spans) -> None:
        self._metrics = metrics
        self._spans = spans

    @contextmanager
    def job(self, claimed: ClaimedJob) -> Iterator[ObservedJob]:
        """The claimed job, observed until the end of the block. What is logged meanwhile names it.

        A step loop that is started in the block, on whatever event loop, has the same words bound.
        """
        names = {"batch": str(claimed.batch_id), "job": str(claimed.job_id)}
        with bound_contextvars(**names, attempt=claimed.attempt, step=claimed.first_step):
            yield ObservedJob(self._metrics, self._span_of(claimed), first_step=claimed.first_step)

    def _span_of(self, claimed: ClaimedJob) -> JobSpan:
        try:
            return self._spans.start(claimed)
        except Exception:
            log.exception("this job has no span; the job goes on")
            return JobSpan(None)
