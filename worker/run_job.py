"""One job from claim to finish: the path of a job through a worker, top to bottom."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError
from dataclasses import replace
from functools import lru_cache
from uuid import UUID

from specreason.boxes import extract_answer
from specreason.engines.base import ModelPair
from specreason.errors import EngineDead, LeaseLost, PermanentJobError, SpecReasonError, StoreUnavailable
from specreason.reasoning.economics import Economics
from specreason.reasoning.loop import reason
from specreason.reasoning.schemes import Run, plan_run
from specreason.reasoning.steps import Trace
from specreason.reasoning.transcript import Transcript
from specreason.settings import Settings
from specreason.store.queue.claims import ClaimedJob, keep_message
from specreason.store.queue.jobs import JobResult, LeaseExpired, Quarantined, claim, finish, release, retry
from specreason.store.session import Database
from specreason.store.tables.states import JobState
from specreason.store.trace.writer import TraceWriter, read_steps
from worker.host import PairHost
from worker.isolation import SharedOrExclusive
from worker.kv_admission import Admitted, KvAdmission, Reservation
from worker.observing.jobs import DurableSink, ObservedJob, ObservedSink, Observer
from worker.observing.metrics import WorkerMetrics
from worker.observing.now import Now
from worker.observing.spans import Spans
from worker.recalls import ClaimsHere, InterruptibleSink, Recalls, RunningJob, Stopped

log = logging.getLogger(__name__)

# Seconds between tries to claim a job, or to store its end.
AGAIN_S = 1.0
# The number of configurations whose economics are remembered.
MAX_CONFIGURATIONS = 256


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
        observer: Observer | None = None,
    ) -> None:
        self._database = database
        self._writer = writer
        self._host = host
        self._pair = pair
        self._worker_id = worker_id
        self._settings = settings
        self._observer = observer or Observer(WorkerMetrics(pair.name), Spans(pair.name))
        self._admission = KvAdmission(pair)
        self._isolation = SharedOrExclusive()
        # What drafting costs and saves, by configuration: a job starts with what earlier ones have measured.
        self._economics = lru_cache(maxsize=MAX_CONFIGURATIONS)(lambda config_hash: Economics())
        self._here = ClaimsHere()
        self.draining = threading.Event()
        self.engine_died = threading.Event()
        recalls = Recalls(
            database,
            worker_id,
            self._here,
            engine_died=self.engine_died,
            is_over=lambda: self.draining.is_set() and self.idle,
        )
        threading.Thread(target=recalls.listen, name="recalls", daemon=True).start()

    def __call__(self, job_id: UUID) -> None:
        """Claim the job and run it until its end is stored. Do nothing if this worker cannot claim it."""
        if self.engine_died.is_set():
            # Wait for the end of this process: a thread that returns takes the next message and drops it.
            threading.Event().wait()
        arrived_s = time.monotonic()

        def admitted(in_flight: int) -> Admitted:
            waited_s = time.monotonic() - arrived_s
            return Admitted(reservation=reservation, in_flight=in_flight, waited_s=waited_s)

        with self._admission.reserve() as reservation:
            try:
                with self._isolation.shared() as in_flight:
                    self._claim_and_run(job_id, admitted(in_flight))
            except Quarantined:
                with self._isolation.exclusive(lambda: self._is_worth_waiting(job_id)) as is_alone:
                    if is_alone:
                        self._claim_and_run(job_id, admitted(1))

    @property
    def idle(self) -> bool:
        return self._isolation.num_holders == 0

    def now(self, slots: int) -> Now:
        """What this worker does at this moment."""
        return Now(
            in_flight=self._isolation.num_holders,
            slots=slots,
            kv_share=self._admission.reserved_share,
            num_commits=self._writer.num_commits,
            num_stored=self._writer.num_stored,
        )

    def _is_worth_waiting(self, job_id: UUID) -> bool:
        """Whether this worker keeps the message of a quarantined job until its other jobs have ended."""
        try:
            return not self.draining.is_set() and keep_message(
                self._database, job_id, worker_id=self._worker_id
            )
        except StoreUnavailable:
            return True

    def _claim_and_run(self, job_id: UUID, admitted: Admitted) -> None:
        with self._here.claimed(job_id, lambda: self._claim(job_id, admitted)) as running:
            if running is not None:
                with self._observer.job(running.claimed) as observed:
                    self._run(running, admitted.reservation, observed)

    def _claim(self, job_id: UUID, admitted: Admitted) -> ClaimedJob | None:
        """Claim the job, and wait while Postgres is away or this worker's lease is not renewed yet.

        A message that is dropped instead is missed until the leader announces the job again, and the next message
        would be dropped as quickly. None if the job is not there to be taken, or if this worker leaves: then the
        leader announces it again.
        """
        while not (self.draining.is_set() or self.engine_died.is_set()):
            try:
                return claim(
                    self._database,
                    job_id,
                    worker_id=self._worker_id,
                    pair_fingerprint=self._pair.fingerprint,
                    in_flight=admitted.in_flight,
                    admission_s=admitted.waited_s,
                )
            except StoreUnavailable as error:
                log.warning("job %s is not claimed yet: %s", job_id, error)
            except LeaseExpired:
                log.warning("job %s is not claimed yet: this worker's lease waits to be renewed", job_id)
            self.draining.wait(AGAIN_S)
        return None

    def _run(self, running: RunningJob, reservation: Reservation, observed: ObservedJob) -> None:
        """Run the claimed job; every way in which it can end has one branch here."""
        claimed, began = running.claimed, self._isolation.holder_time()
        sink = self._writer.sink(claimed)
        try:
            transcript, run = self._prepare(claimed)
            reservation.hold(transcript)
            step_loop = self._host.submit(
                self._reason(running, transcript, run, ObservedSink(sink, observed))
            )
            with observed.steps_elsewhere():
                trace = running.wait_for(step_loop)
            result = result_of(trace)
            reservation.completed()
            ended = self._isolation.holder_time()

            def finish_it() -> bool:
                # Whatever a database that is away adds to the latency counts as storing.
                store_s = sink.waited_s + time.monotonic() - ended.at_s
                timed = replace(result, store_s=store_s, mean_concurrency=ended.mean_since(began))
                return finish(self._database, claimed, timed)

            observed.ended(result.state if _insist(finish_it) else "recalled")
        except (LeaseLost, CancelledError):
            log.info("job %s was cancelled, has expired, or is claimed by another worker", claimed.job_id)
            observed.ended("recalled")
        except (Stopped, StoreUnavailable):
            # If Postgres is away for longer than steps can wait, the job resumes later after its last stored step.
            observed.ended("released" if _insist(lambda: release(self._database, claimed)) else "recalled")
        except EngineDead as error:
            log.error("job %s: %s", claimed.job_id, error)
            observed.ended("engine_died", error)
            # The job is not given back: the supervisor ends the worker's lease, and the job counts as lost. Else a
            # job that kills engines could do so for ever.
            self.engine_died.set()
        except PermanentJobError as error:
            failed = JobResult(state=JobState.FAILED, error=str(error))
            held = _insist(lambda: finish(self._database, claimed, failed))
            observed.ended("failed" if held else "recalled", error)
        except Exception as error:
            message = str(error) if isinstance(error, SpecReasonError) else f"{type(error).__name__}: {error}"
            log.warning("job %s will be tried again: %s", claimed.job_id, message, exc_info=True)
            held = _insist(lambda: self._retry(claimed, message))
            observed.ended("error" if held else "recalled", error)

    def _retry(self, claimed: ClaimedJob, error: str) -> bool:
        settings = self._settings
        return retry(
            self._database, claimed, error, max_attempts=settings.max_attempts, delay_s=settings.retry_s
        )

    def _prepare(self, claimed: ClaimedJob) -> tuple[Transcript, Run]:
        """The transcript of prompt and stored steps, and the run that continues it. Blocks, in the job's own thread."""
        steps = read_steps(self._database, claimed.job_id) if claimed.first_step else ()
        transcript = Transcript(self._pair, claimed.messages, steps)
        return transcript, plan_run(
            claimed.config,
            self._pair,
            transcript,
            seed=claimed.seed,
            repeat=claimed.repeat,
            economics=self._economics(claimed.config.hash()),
        )

    async def _reason(
        self, running: RunningJob, transcript: Transcript, run: Run, sink: DurableSink
    ) -> Trace:
        """The step loop over this job; returns once each of its steps is stored."""
        must_stop = lambda: running.must_pause or self.draining.is_set()  # noqa: E731
        trace = await reason(run, transcript, InterruptibleSink(sink, must_stop))
        await sink.flush()
        return trace


def _insist(write: Callable[[], bool]) -> bool:
    """Try until the database has answered: no other worker takes a job that is claimed here but does not run.
    Returns whether the claim still held.

    If this worker's lease runs out meanwhile, another worker claims the job, and the write is refused.
    """
    while True:
        try:
            return write()
        except StoreUnavailable as error:
            log.warning("a job's end cannot be stored yet: %s", error)
            time.sleep(AGAIN_S)


def result_of(trace: Trace) -> JobResult:
    """The job's result. Every end that the loop reaches is a success, even without an answer: the grade judges."""
    answer = extract_answer(trace.text if trace.answer_text is None else trace.answer_text)
    return JobResult(state=JobState.SUCCEEDED, stop_reason=trace.stop_reason, answer=answer)
