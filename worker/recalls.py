"""The jobs that this worker is claiming and running, and the thread that stops those that Postgres recalls."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from uuid import UUID

from specreason.errors import StoreUnavailable
from specreason.reasoning.steps import StepRecord, Trace
from specreason.store.queue.claims import ClaimedJob, Recall, claims_of, recalled, release_claim
from specreason.store.session import Database
from worker.observing.jobs import DurableSink

log = logging.getLogger(__name__)

# How often the worker asks Postgres for jobs that were cancelled, paused or taken away.
LISTEN_EVERY_S = 0.5


class Stopped(Exception):
    """The worker is leaving or the batch is paused: the job stops at this step boundary and is given back."""


class RunningJob:
    """A claimed job, from the claim until its end is stored."""

    def __init__(self, claimed: ClaimedJob) -> None:
        self.claimed = claimed
        self._step_loop: Future[Trace] | None = None
        self._must_pause = threading.Event()

    @property
    def must_pause(self) -> bool:
        """Whether the step loop must end after its present step."""
        return self._must_pause.is_set()

    def wait_for(self, step_loop: Future[Trace]) -> Trace:
        """Wait for the job's step loop. CancelledError if the job is recalled as lost meanwhile."""
        self._step_loop = step_loop
        return step_loop.result()

    def recall(self, why: Recall) -> None:
        """Stop the job in the way that `why` names. Nothing happens to a lost job before its step loop has started."""
        if why is Recall.PAUSED:
            self._must_pause.set()
        elif self._step_loop is not None:
            # This aborts the engine's request.
            self._step_loop.cancel()


class ClaimsHere:
    """Which jobs this worker is claiming, and which it runs. Thread-safe."""

    def __init__(self) -> None:
        # One entry for each message that waits for the answer of its claim.
        self._claiming: dict[object, UUID] = {}
        # By job and fence.
        self._running: dict[tuple[UUID, int], RunningJob] = {}

    @contextmanager
    def claimed(self, job_id: UUID, claim: Callable[[], ClaimedJob | None]) -> Iterator[RunningJob | None]:
        """Call `claim` and register the claimed job until the end of the block. Yields None if nothing was claimed.

        The job is always either claiming or running: claiming until `claim` returns, then running.
        """
        message = object()
        self._claiming[message] = job_id
        try:
            claimed = claim()
            running = None if claimed is None else RunningJob(claimed)
            if running is not None:
                self._running[job_id, running.claimed.fence] = running
        finally:
            del self._claiming[message]
        try:
            yield running
        finally:
            if running is not None:
                del self._running[job_id, running.claimed.fence]

    def running(self) -> Mapping[tuple[UUID, int], RunningJob]:
        """The jobs that run at this moment, by job and fence."""
        return dict(self._running)

    def knows(self, job_id: UUID, fence: int) -> bool:
        """Whether the worker is claiming the job or runs it under this fence."""
        # In this order: a job becomes running before its claim counts as answered.
        return job_id in list(self._claiming.values()) or (job_id, fence) in self._running


class InterruptibleSink:
    """Passes steps on. Once `must_stop` returns True, it stores the present step and raises Stopped."""

    def __init__(self, sink: DurableSink, must_stop: Callable[[], bool]) -> None:
        self._sink = sink
        self._must_stop = must_stop

    async def append(self, record: StepRecord) -> None:
        await self._sink.append(record)
        if self._must_stop():
            await self._sink.flush()
            raise Stopped


class Recalls:
    """Stops the jobs that Postgres recalls, and gives back strays."""

    def __init__(
        self,
        database: Database,
        worker_id: UUID,
        here: ClaimsHere,
        *,
        engine_died: threading.Event,
        is_over: Callable[[], bool],
    ) -> None:
        self._database = database
        self._worker_id = worker_id
        self._here = here
        self._engine_died = engine_died
        self._is_over = is_over

    def listen(self) -> None:
        """Ask Postgres every LISTEN_EVERY_S seconds until `is_over`. Runs in a thread of its own."""
        while not self._is_over():
            time.sleep(LISTEN_EVERY_S)
            try:
                self._obey_recalls()
                self._give_back_strays()
            except StoreUnavailable:
                continue
            # The thread serves every job, so it outlives any error.
            except Exception:
                log.exception("recalls cannot be read")

    def _obey_recalls(self) -> None:
        """Stop each running job that was cancelled or paused, has expired, or was claimed by another worker."""
        running = self._here.running()
        claims = [job.claimed for job in running.values()]
        for claimed, why in recalled(self._database, claims) if claims else ():
            running[claimed.job_id, claimed.fence].recall(why)

    def _give_back_strays(self) -> None:
        """Release each job whose claim reached Postgres while the answer was lost: no thread runs it."""
        for job_id, fence in claims_of(self._database, self._worker_id):
            # `engine_died` comes last: with a dead engine, jobs stop running here and stay claimed on purpose.
            if (
                not self._here.knows(job_id, fence)
                and not self._engine_died.is_set()
                and release_claim(self._database, job_id, fence)
            ):
                log.warning("the answer to the claim of job %s was lost: the job is given back", job_id)
