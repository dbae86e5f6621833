"""One job as an observer sees it: it binds the log's words, counts each step as it passes to the store, and its end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from structlog.contextvars import bind_contextvars, bound_contextvars

from specreason.errors import LeaseLost
from specreason.reasoning.steps import StepRecord
from specreason.store.queue.claims import ClaimedJob
from worker.observing.metrics import WorkerMetrics
from worker.observing.spans import JobSpan, Spans


class DurableSink(Protocol):
    """A sink of steps that can wait until all of them are durable."""

    async def append(self, record: StepRecord) -> None: ...

    async def flush(self) -> None: ...


class ObservedJob:
    """An attempt that runs here. `ended` is called once, by whoever knows how."""

    def __init__(self, metrics: WorkerMetrics, span: JobSpan) -> None:
        self._metrics = metrics
        self._span = span

    def see(self, record: StepRecord) -> None:
        """Take note of a step that was handed to the store. Log lines from here on belong to the next one."""
        self._metrics.see(record)
        self._span.see(record)
        bind_contextvars(step=record.index + 1)

    def refused(self) -> None:
        """Take note that the job's claim does not hold any more."""
        self._metrics.refused()

    def ended(self, outcome: str, error: BaseException | None = None) -> None:
        """Take note of the end; `outcome` is one of metrics.OUTCOMES."""
        self._metrics.ended(outcome, error)
        self._span.end(outcome, error)


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
            yield ObservedJob(self._metrics, self._spans.start(claimed))
