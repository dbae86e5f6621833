"""One job from claim to finish: the whole path of a job through a worker, top to bottom."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, field
from functools import lru_cache
from uuid import UUID

from specreason.engines.base import ModelPair
from specreason.errors import EngineDead, LeaseLost, PermanentJobError, SpecReasonError, StoreUnavailable
from specreason.evaluation.grading import extract_answer
from specreason.reasoning.economics import Economics
from specreason.reasoning.loop import reason
from specreason.reasoning.schemes import Run, plan_run
from specreason.reasoning.steps import StepRecord, Trace
from specreason.reasoning.transcript import Transcript
from specreason.settings import Settings
from specreason.store.queue.jobs import (
    ClaimedJob,
    JobResult,
    LeaseExpired,
    Quarantined,
    Recall,
    claim,
    claims_of,
    finish,
    keep_message,
    recalled,
    release,
    release_claim,
    retry,
)
from specreason.store.session import Database
from specreason.store.tables.states import JobState
from specreason.store.trace.writer import SqlStepSink, TraceWriter, read_steps
from worker.host import PairHost
from worker.isolation import SharedOrExclusive
from worker.kv_admission import KvAdmission, Reservation

log = logging.getLogger(__name__)

AGAIN_S = 1.0  # between tries to claim a job, or to store its end
MOST_CONFIGURATIONS = 256  # whose economics are remembered
LISTEN_EVERY_S = 0.5  # for jobs that were cancelled, paused, or taken away


class Stopped(Exception):
    """The worker is leaving or the batch is paused: the job stops at this step boundary and is given back."""


@dataclass(slots=True)
class _Running:
    """A job whose step loop is on the host; `future` is None until it is."""

    claimed: ClaimedJob
    reservation: Reservation
    future: Future[Trace] | None = None
    stop: threading.Event = field(default_factory=threading.Event)


class JobRunner:
    """Runs jobs on one loaded pair. Called from many threads at once; the host's loop runs the step loops."""

    def __init__(
        self,
        database: Database,
        writer: TraceWriter,
        host: PairHost,
        pair: ModelPair,
        *,
        worker_id: UUID,
        settings: Settings,
    ) -> None:
        self._database = database
        self._writer = writer
        self._host = host
        self._pair = pair
        self._worker_id = worker_id
        self._settings = settings
        self._room = KvAdmission(pair)
        self._slots = SharedOrExclusive()
        # What drafting costs and brings, by configuration: jobs learn from those before them.
        self._economics = lru_cache(maxsize=MOST_CONFIGURATIONS)(lambda config_hash: Economics())
        self._claiming: dict[object, UUID] = {}  # jobs, one for each message that waits for a claim's answer
        self._running: dict[tuple[UUID, int], _Running] = {}  # by job and fence
        self.draining = threading.Event()
        self.engine_died = threading.Event()
        threading.Thread(target=self._listen, name="recalls", daemon=True).start()

    def __call__(self, job_id: UUID) -> None:
        """Claim the job and run it to a stored end. A message for a job that is not ours to take is nothing."""
        if self.engine_died.is_set():
            threading.Event().wait()  # until this process ends: returning, we would take the next message for nothing
        with self._room.reserve() as reservation:
            try:
                with self._slots.shared() as in_flight:
                    self._claim_and_run(job_id, in_flight, reservation)
            except Quarantined:
                with self._slots.exclusive(lambda: self._waits_alone(job_id)) as is_alone:
                    if is_alone:
                        self._claim_and_run(job_id, 1, reservation)

    @property
    def idle(self) -> bool:
        return self._slots.num_inside == 0

    def _waits_alone(self, job_id: UUID) -> bool:
        try:
            return not self.draining.is_set() and keep_message(
                self._database, job_id, worker_id=self._worker_id
            )
        except StoreUnavailable:
            return True

    def _claim_and_run(self, job_id: UUID, in_flight: int, reservation: Reservation) -> None:
        claiming = object()
        self._claiming[claiming] = job_id
        try:
            claimed = self._claim(job_id, in_flight)
            if claimed is None:
                return
            running = self._running[job_id, claimed.fence] = _Running(claimed, reservation)
        finally:
            del self._claiming[claiming]
        try:
            self._run(running)
        finally:
            del self._running[job_id, claimed.fence]

    def _claim(self, job_id: UUID, in_flight: int) -> ClaimedJob | None:
        """While Postgres is away, or our lease is not renewed yet, the message waits here.

        Dropped, it would be missed for a while, and the next one would be dropped as quickly.
        """
        while not (self.draining.is_set() or self.engine_died.is_set()):
            try:
                return claim(
                    self._database,
                    job_id,
                    worker_id=self._worker_id,
                    pair_fingerprint=self._pair.fingerprint,
                    in_flight=in_flight,
                )
            except StoreUnavailable as error:
                log.warning("job %s is not claimed yet: %s", job_id, error)
            except LeaseExpired:
                log.warning("job %s is not claimed yet: this worker's lease waits to be renewed", job_id)
            self.draining.wait(AGAIN_S)
        return None  # so the leader announces it again

    def _run(self, running: _Running) -> None:
        """Run the claimed job; every way in which it can end has one line here."""
        claimed = running.claimed
        try:
            transcript, run = self._prepare(claimed)
            running.reservation.transcript = transcript
            running.future = self._host.submit(self._reason(running, transcript, run))
            result = result_of(running.future.result())
            running.reservation.ran_to_its_end = True
            _insist(lambda: finish(self._database, claimed, result))
        except (LeaseLost, CancelledError):
            log.info(
                "job %s is no longer ours: cancelled, late, or claimed by another worker", claimed.job_id
            )
        except (Stopped, StoreUnavailable):
            # Postgres was away for longer than steps can wait: the job goes on from its last stored step.
            _insist(lambda: release(self._database, claimed))
        except EngineDead as error:
            log.error("job %s: %s", claimed.job_id, error)
            # Not given back: the supervisor ends our lease, and the job counts as lost. A job that kills engines
            # must not do so for ever.
            self.engine_died.set()
        except PermanentJobError as error:
            failed = JobResult(state=JobState.FAILED, error=str(error))
            _insist(lambda: finish(self._database, claimed, failed))
        except Exception as error:
            reason_why = (
                str(error) if isinstance(error, SpecReasonError) else f"{type(error).__name__}: {error}"
            )
            log.warning("job %s will be tried again: %s", claimed.job_id, reason_why, exc_info=True)
            _insist(lambda: self._retry(claimed, reason_why))

    def _retry(self, claimed: ClaimedJob, error: str) -> bool:
        settings = self._settings
        return retry(
            self._database, claimed, error, max_attempts=settings.max_attempts, delay_s=settings.retry_s
        )

    def _prepare(self, claimed: ClaimedJob) -> tuple[Transcript, Run]:
        """What the step loop goes on from: prompt and stored steps. Here, in the job's thread, it may block."""
        steps = read_steps(self._database, claimed.job_id) if claimed.first_step else ()
        transcript = Transcript(self._pair, claimed.problem, steps)
        return transcript, plan_run(
            claimed.config,
            self._pair,
            transcript,
            seed=claimed.seed,
            repeat=claimed.repeat,
            economics=self._economics(claimed.config.hash()),
        )

    async def _reason(self, running: _Running, transcript: Transcript, run: Run) -> Trace:
        """The step loop over this job, each step stored."""
        sink = self._writer.sink(running.claimed)
        stop = lambda: running.stop.is_set() or self.draining.is_set()  # noqa: E731
        trace = await reason(run, transcript, InterruptibleSink(sink, stop))
        await sink.flush()
        return trace

    def _listen(self) -> None:
        """Stop the jobs that Postgres says must stop: what a step loop is doing now, it does for nobody."""
        while not (self.draining.is_set() and self.idle):
            time.sleep(LISTEN_EVERY_S)
            try:
                self._obey_recalls()
                self._give_back_strays()
            except StoreUnavailable:
                continue
            except Exception:  # the thread serves every job: it must outlive whatever this is
                log.exception("recalls cannot be read")

    def _obey_recalls(self) -> None:
        here = dict(self._running)
        claims = [running.claimed for running in here.values()]
        for claimed, recall in recalled(self._database, claims) if claims else ():
            running = here[claimed.job_id, claimed.fence]
            if recall is Recall.PAUSED:
                running.stop.set()
            elif running.future is not None:
                running.future.cancel()  # aborts the engine's request

    def _give_back_strays(self) -> None:
        """Jobs that Postgres gave us in an answer that never came: nobody runs them, and our lease would keep them."""
        for job_id, fence in claims_of(self._database, self._worker_id):
            # In this order: a job that Postgres knows to be ours is claimed, then runs, and is then let go of, with a
            # dead engine on purpose.
            if (
                job_id not in list(self._claiming.values())
                and (job_id, fence) not in self._running
                and not self.engine_died.is_set()
                and release_claim(self._database, job_id, fence)
            ):
                log.warning("job %s was claimed unheard: it is given back", job_id)


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
            time.sleep(AGAIN_S)


class InterruptibleSink:
    """Passes steps on; told to stop, it stores the step and ends the run there."""

    def __init__(self, sink: SqlStepSink, stop: Callable[[], bool]) -> None:
        self._sink = sink
        self._stop = stop

    async def append(self, record: StepRecord) -> None:
        await self._sink.append(record)
        if self._stop():
            await self._sink.flush()
            raise Stopped


def result_of(trace: Trace) -> JobResult:
    """Every end that the loop itself reaches is a success, even without an answer: that is the grade's business."""
    answer = extract_answer(trace.text if trace.answer_text is None else trace.answer_text)
    return JobResult(state=JobState.SUCCEEDED, stop_reason=trace.stop_reason, answer=answer)
