"""One job from claim to finish: the whole path of a job through a worker, top to bottom."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import UUID

from specreason.engines.base import ModelPair
from specreason.errors import EngineDead, LeaseLost, PermanentJobError, SpecReasonError, StoreUnavailable
from specreason.evaluation.grading import extract_answer
from specreason.reasoning.loop import reason
from specreason.reasoning.schemes import Run, plan_run
from specreason.reasoning.steps import StepRecord, Trace
from specreason.reasoning.transcript import Transcript
from specreason.store.jobs import ClaimedJob, JobResult, claim, finish, release, retry
from specreason.store.session import Database
from specreason.store.states import JobState
from specreason.store.traces import SqlStepSink, TraceWriter, read_steps
from worker.host import PairHost

log = logging.getLogger(__name__)

RETRY_S = 1.0


class Draining(Exception):
    """The worker is leaving: the job stops at this step boundary and is given back."""


class JobRunner:
    """Runs jobs on one loaded pair. Called from many threads at once; the host's loop runs the step loops."""

    def __init__(
        self, database: Database, writer: TraceWriter, host: PairHost, pair: ModelPair, worker_id: UUID
    ) -> None:
        self._database = database
        self._writer = writer
        self._host = host
        self._pair = pair
        self._worker_id = worker_id
        self._lock = threading.Lock()
        self._in_flight = 0
        self.draining = threading.Event()
        self.engine_died = threading.Event()

    def __call__(self, job_id: UUID) -> None:
        """Claim the job and run it to a stored end. A message for a job that is not ours to take is nothing."""
        if self.draining.is_set() or self.engine_died.is_set():
            return  # not claimed, so the dispatcher announces it again
        with self._counted() as in_flight:
            try:
                claimed = claim(
                    self._database,
                    job_id,
                    worker_id=self._worker_id,
                    pair_fingerprint=self._pair.fingerprint,
                    in_flight=in_flight,
                )
            except StoreUnavailable as error:
                log.warning("job %s is not claimed: %s", job_id, error)
                return
            if claimed is not None:
                self._run(claimed)

    @property
    def idle(self) -> bool:
        return self._in_flight == 0

    def _run(self, claimed: ClaimedJob) -> None:
        """Run the claimed job; every way in which it can end has one line here."""
        try:
            transcript, run = self._prepare(claimed)
            trace = self._host.run(self._reason(claimed, transcript, run))
        except LeaseLost:
            log.info("job %s is no longer ours: cancelled, or claimed by another worker", claimed.job_id)
        except Draining:
            _insist(lambda: release(self._database, claimed))
        except EngineDead as error:
            log.error("job %s: %s", claimed.job_id, error)
            # Not given back: the supervisor ends our lease, and the job counts as lost. A job that kills engines
            # must not do so for ever.
            self.engine_died.set()
        except PermanentJobError as error:
            result = JobResult(state=JobState.FAILED, error=str(error))
            _insist(lambda: finish(self._database, claimed, result))
        except Exception as error:
            reason_why = (
                str(error) if isinstance(error, SpecReasonError) else f"{type(error).__name__}: {error}"
            )
            log.warning("job %s will be tried again: %s", claimed.job_id, reason_why, exc_info=True)
            _insist(lambda: retry(self._database, claimed, reason_why))
        else:
            _insist(lambda: finish(self._database, claimed, result_of(trace)))

    def _prepare(self, claimed: ClaimedJob) -> tuple[Transcript, Run]:
        """What the step loop goes on from: prompt and stored steps. Here, in the job's thread, it may block."""
        steps = read_steps(self._database, claimed.job_id) if claimed.first_step else ()
        transcript = Transcript(self._pair, claimed.problem, steps)
        return transcript, plan_run(
            claimed.config, self._pair, transcript, seed=claimed.seed, repeat=claimed.repeat
        )

    async def _reason(self, claimed: ClaimedJob, transcript: Transcript, run: Run) -> Trace:
        """The step loop over this job, each step stored."""
        sink = self._writer.sink(claimed)
        trace = await reason(run, transcript, DrainableSink(sink, self.draining))
        await sink.flush()
        return trace

    @contextmanager
    def _counted(self) -> Iterator[int]:
        with self._lock:
            self._in_flight += 1
            in_flight = self._in_flight
        try:
            yield in_flight
        finally:
            with self._lock:
                self._in_flight -= 1


def _insist(write: Callable[[], bool]) -> None:
    """Try until the database has answered: a job that is ours but not running would be nobody's.

    Should our lease run out meanwhile, the job is another's, and the write is refused.
    """
    while True:
        try:
            write()
            return
        except StoreUnavailable as error:
            log.warning("a job's end cannot be stored yet: %s", error)
            time.sleep(RETRY_S)


class DrainableSink:
    """Passes steps on; once the worker drains, it stores the step and ends the run there."""

    def __init__(self, sink: SqlStepSink, draining: threading.Event) -> None:
        self._sink = sink
        self._draining = draining

    async def append(self, record: StepRecord) -> None:
        await self._sink.append(record)
        if self._draining.is_set():
            await self._sink.flush()
            raise Draining


def result_of(trace: Trace) -> JobResult:
    """Every end that the loop itself reaches is a success, even without an answer: that is the grade's business."""
    answer = extract_answer(trace.text if trace.answer_text is None else trace.answer_text)
    return JobResult(state=JobState.SUCCEEDED, stop_reason=trace.stop_reason, answer=answer)
