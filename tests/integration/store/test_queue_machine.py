"""The queue keeps its rules under any sequence of moves: a state machine on a real Postgres.

Hypothesis picks the moves. After each one the database must agree with a small model (`queue_model`) and keep every
rule of `queue_rules`. A crash is no move: a claim that its worker forgot, or slept over, stays in the machine as a
zombie, and goes on trying to write, to finish and to give back long after its job has moved on.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, note, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from hypothesis.strategies import (
    DataObject,
    booleans,
    data,
    integers,
    sampled_from,
    sets,
)

from specreason.errors import LeaseLost
from specreason.reasoning.steps import StepRecord
from specreason.store.access.visibility import Viewer
from specreason.store.queue.claims import ClaimedJob, Recall, recalled
from specreason.store.queue.controls import (
    REQUEUABLE,
    cancel_batch,
    cancel_job,
    pause_batch,
    requeue_batch,
    requeue_job,
    resume_batch,
    set_batch_deadline,
)
from specreason.store.queue.dispatch import expire_deadlines, expire_leases, take_unannounced
from specreason.store.queue.jobs import (
    JobResult,
    LeaseExpired,
    Quarantined,
    claim,
    finish,
    release,
    retry,
)
from specreason.store.queue.workers import beat, stop_worker
from specreason.store.session import Database
from specreason.store.tables.states import JobState
from specreason.store.trace.writer import TraceWriter
from tests.support.store.builders import (
    PAIR,
    accepted,
    append_all,
    expire,
    job_ids,
    rejected,
    start_worker,
    submit,
)
from tests.support.store.queue_model import BatchModel, Claim, JobModel, Lease, QueueModel, WorkerModel
from tests.support.store.queue_moves import MOVES, move, picked
from tests.support.store.queue_rules import RULES_AT_REST, broken_rules
from tests.support.store.sql import execute, scalar

SETTINGS = settings(
    max_examples=24,
    stateful_step_count=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
LONG_S = 86_400.0
WINDOW, MAX_LOST, MAX_ATTEMPTS = 3, 1, 2
MOST_BATCHES, MOST_WORKERS = 4, 3
PICKS = integers(0, 7)  # of a list, from its newest end
# Twice the usual fingerprint, so that most workers can go on with what others began.
FINGERPRINTS = sampled_from(["fingerprint-1", "fingerprint-1", "fingerprint-2"])
LEAVES = ("gives back", "errs", "errs and waits", "succeeds", "fails")
KINDS: Sequence[Callable[[int], StepRecord]] = (accepted, rejected)


class QueueMachine(QueueModel, RuleBasedStateMachine):
    def __init__(self, database: Database, writer: TraceWriter, runner: asyncio.Runner) -> None:
        super().__init__()
        self.database, self.writer, self.runner = database, writer, runner
        self.kept: dict[str, list[object]] = {}  # each job's steps as last seen
        execute(database, "TRUNCATE batch, worker, model_pair, event CASCADE")

    @initialize()
    def begin(self) -> None:
        self.submit_jobs(num_jobs=3, priority=0)
        for _ in range(2):
            self.start_a_worker("fingerprint-1")

    @rule(data=data())
    def next(self, data: DataObject) -> None:
        move = data.draw(sampled_from([move for move in MOVES if move.may(self)]), "move")
        arguments = data.draw(move.arguments)
        note(f"{move.make.__name__}({', '.join(f'{name}={value!r}' for name, value in arguments.items())})")
        move.make(self, **arguments)

    # What workers do

    @move(
        weight=5,
        when=lambda self: self.alive and self.claimable,
        worker=PICKS,
        job=PICKS,
        num_steps=integers(0, 2),
        then=sampled_from([*LEAVES, "is lost", "runs on", "runs on"]),
    )
    def run_a_job(self, worker: int, job: int, num_steps: int, then: str) -> None:
        """A whole attempt, or the begin of one that `runs on`."""
        claim = self.take(picked(self.alive, worker), picked(self.claimable, job), in_flight=1)
        if claim is None:
            return
        self.write(claim, [accepted] * num_steps)
        if then in LEAVES:
            self.leave(claim, then)
        elif then == "is lost":
            claim.job.holder.lease = Lease.RUN_OUT
            expire(self.database, claim.claimed.worker_id)
            self.sweep()

    @move(weight=2, when=lambda self: len(self.alive) < MOST_WORKERS, fingerprint=FINGERPRINTS)
    def start_a_worker(self, fingerprint: str) -> None:
        worker_id = start_worker(self.database, lease_s=LONG_S, fingerprint=fingerprint)
        self.workers.append(WorkerModel(worker_id, fingerprint))

    @move(when=lambda self: len(self.alive) < len(self.workers), pick=PICKS)
    def renew_a_lease(self, pick: int) -> None:
        worker = picked(self.workers, pick)
        assert beat(self.database, worker.worker_id, lease_s=LONG_S) is (worker.lease is not Lease.ENDED)
        if worker.lease is Lease.RUN_OUT:
            worker.lease = Lease.COUNTS

    @move(when=lambda self: self.alive, pick=PICKS, stopped=booleans())
    def lose_a_worker(self, pick: int, stopped: bool) -> None:
        """The worker falls silent; or its child has crashed, and the supervisor stops it and gives no job back."""
        worker = picked(self.alive, pick)
        if stopped:
            stop_worker(self.database, worker.worker_id)
        else:
            expire(self.database, worker.worker_id)
        worker.lease = Lease.ENDED if stopped else Lease.RUN_OUT

    @move(worker=PICKS, job=PICKS, in_flight=integers(1, 2))
    def hear_an_old_message(self, worker: int, job: int, in_flight: int) -> None:
        """It may be older than anything that has happened since, and may have come to others too."""
        self.take(picked(self.workers, worker), picked(self.jobs, job), in_flight)

    @move(
        weight=2,
        when=lambda self: self.held,
        pick=PICKS,
        kinds=sampled_from([KINDS, KINDS[:1], KINDS[1:]]),
        twice=booleans(),
    )
    def write_steps(self, pick: int, kinds: Sequence[Callable[[int], StepRecord]], twice: bool) -> None:
        self.write(picked(self.held, pick), kinds, again_from=int(twice))

    @move(weight=2, when=lambda self: self.held, pick=PICKS, how=sampled_from(LEAVES))
    def leave_a_job(self, pick: int, how: str) -> None:
        self.leave(picked(self.held, pick), how)

    @move(weight=2, when=lambda self: self.zombies, pick=PICKS, how=sampled_from(LEAVES))
    def a_zombie_wakes(self, pick: int, how: str) -> None:
        """It writes what would come next, then leaves. None of that is seen."""
        claim = picked(self.zombies, pick)
        with self.nothing_changes():
            with pytest.raises(LeaseLost):
                self.write(claim, [accepted])
            assert not self.try_to_leave(claim, how)

    # What the leader does

    @move(again=booleans())
    def announce(self, again: bool) -> None:
        """`again`: every message sent so far is taken for lost."""
        waiting = [job for job in self.jobs if job.waiting]
        if again:
            for job in waiting:
                job.announced = False
        eligible = [job for job in waiting if job.due and not job.announced]
        room = WINDOW - sum(job.announced for job in waiting)
        taken = take_unannounced(self.database, PAIR, window=WINDOW, lost_after_s=0 if again else None)
        announced = [job for job_id in taken for job in eligible if job.job_id == job_id]
        assert len(announced) == len(taken) == max(0, min(room, len(eligible)))
        most_urgent = sorted((job.batch.priority for job in eligible), reverse=True)
        assert [job.batch.priority for job in announced] == most_urgent[: len(taken)]
        for job in announced:
            job.announced = True

    @move(
        weight=2, when=lambda self: self.lost or any(worker.lease is Lease.RUN_OUT for worker in self.workers)
    )
    def sweep(self) -> None:
        lost = self.lost
        assert expire_leases(self.database, max_lost=MAX_LOST) == len(lost)
        for worker in self.workers:
            if worker.lease is Lease.RUN_OUT:
                worker.lease = Lease.ENDED
        for job in lost:
            if job.num_lost == MAX_LOST:
                job.state = JobState.DEAD
            else:
                job.restart_after_failure()
            job.num_lost += 1
            job.alone = job.num_lost >= MAX_LOST

    @move(when=lambda self: any(job.open and job.late for job in self.jobs))
    def end_the_late(self) -> None:
        late = [job for job in self.jobs if job.open and job.late]
        assert expire_deadlines(self.database) == len(late)
        for job in late:
            job.state = JobState.EXPIRED

    # What time does

    @move(when=lambda self: not all(job.due for job in self.jobs))
    def pauses_before_retries_end(self) -> None:
        execute(self.database, "UPDATE job SET run_after = now() WHERE run_after > now()")
        for job in self.jobs:
            job.due = True

    # What users do

    @move(
        when=lambda self: len(self.batches) < MOST_BATCHES, num_jobs=integers(1, 3), priority=integers(0, 1)
    )
    def submit_jobs(self, num_jobs: int, priority: int) -> None:
        batch = BatchModel(submit(self.database, num_jobs, priority=priority), priority)
        batch.jobs = [JobModel(job_id, batch) for job_id in job_ids(self.database, batch.batch_id)]
        self.batches.append(batch)
        self.jobs += batch.jobs

    @move(
        when=lambda self: any(job.open for job in self.jobs),
        pick=PICKS,
        whole=sampled_from([False, False, True]),
    )
    def cancel(self, pick: int, whole: bool) -> None:
        job = picked(self.jobs, pick)
        open_jobs = [each for each in (job.batch.jobs if whole else [job]) if each.open]
        if whole:
            assert cancel_batch(self.database, Viewer.EVERYONE, job.batch.batch_id) == len(open_jobs)
        else:
            assert cancel_job(self.database, Viewer.EVERYONE, job.job_id) is bool(open_jobs)
        for each in open_jobs:
            each.state = JobState.CANCELLED

    @move(when=lambda self: not any(batch.paused for batch in self.batches), pick=PICKS)
    def pause(self, pick: int) -> None:
        batch = picked(self.batches, pick)
        assert pause_batch(self.database, Viewer.EVERYONE, batch.batch_id)
        batch.paused = True
        for job in batch.jobs:
            if job.state is JobState.QUEUED:
                job.announced = False

    @move(when=lambda self: any(batch.paused for batch in self.batches), pick=PICKS)
    def resume(self, pick: int) -> None:
        """One that is not paused, too: that changes nothing."""
        batch = picked(self.batches, pick)
        assert resume_batch(self.database, Viewer.EVERYONE, batch.batch_id) is batch.paused
        batch.paused = False

    @move(when=lambda self: any(job.open for job in self.jobs), pick=PICKS, days=sampled_from([1, None, -1]))
    def set_the_deadline(self, pick: int, days: int | None) -> None:
        batch = picked(self.batches, pick)
        deadline_at = None if days is None else datetime.now(UTC) + timedelta(days=days)
        open_jobs = [job for job in batch.jobs if job.open]
        num_other = sum(job.deadline_at != deadline_at for job in open_jobs)
        assert set_batch_deadline(self.database, Viewer.EVERYONE, batch.batch_id, deadline_at) == num_other
        for job in open_jobs:
            job.late, job.deadline_at = days == -1, deadline_at

    @move(
        when=lambda self: any(job.state in REQUEUABLE for job in self.jobs),
        pick=PICKS,
        states=sets(sampled_from(REQUEUABLE)),
    )
    def restart_after_failure(self, pick: int, states: set[JobState]) -> None:
        """One job, or those of its batch that are in one of `states`."""
        job = picked([job for job in self.jobs if not job.open], pick)
        if states:
            ended = [each for each in job.batch.jobs if each.state in states]
            assert requeue_batch(self.database, Viewer.EVERYONE, job.batch.batch_id, states) == len(ended)
        else:
            ended = [job] if job.state in REQUEUABLE else []
            assert requeue_job(self.database, Viewer.EVERYONE, job.job_id) is bool(ended)
        for each in ended:
            each.requeue()

    # How it is done

    def take(self, worker: WorkerModel, job: JobModel, in_flight: int) -> Claim | None:
        def attempt() -> ClaimedJob | None:
            return claim(
                self.database,
                job.job_id,
                worker_id=worker.worker_id,
                pair_fingerprint=worker.fingerprint,
                in_flight=in_flight,
            )

        if not job.claimable:
            with self.nothing_changes():
                assert attempt() is None
            return None
        if worker.lease is not Lease.COUNTS:
            with self.nothing_changes(), pytest.raises(LeaseExpired):
                attempt()
            return None
        if job.alone and in_flight > 1:
            with self.nothing_changes(), pytest.raises(Quarantined):
                attempt()
            return None
        claimed = attempt()
        job.fence += 1
        job.holder = worker
        if job.num_steps and job.fingerprint != worker.fingerprint:
            assert claimed is None
            job.state = JobState.FAILED
            return None
        assert claimed is not None
        assert (claimed.fence, claimed.attempt, claimed.first_step) == (job.fence, job.fence, job.num_steps)
        job.state = JobState.RUNNING
        job.fingerprint = worker.fingerprint
        self.claims.append(Claim(claimed, job))
        return self.claims[-1]

    def write(
        self, claim: Claim, kinds: Sequence[Callable[[int], StepRecord]], *, again_from: int = 0
    ) -> None:
        """The job's next steps, or from so many before on: the commit's answer got lost, and it is written again."""
        first = max(claim.claimed.first_step, claim.job.num_steps - again_from)
        records = [
            dataclasses.replace(kind(index), kept_text=f"Step {index} under {claim.claimed.fence}.\n\n")
            for index, kind in enumerate(kinds, start=first)
        ]
        goes_on = dataclasses.replace(claim.claimed, first_step=first)
        self.runner.run(append_all(self.writer, goes_on, *records))
        claim.job.num_steps = first + len(records)

    def leave(self, claim: Claim, how: str) -> None:
        job = claim.job
        assert self.try_to_leave(claim, how)
        match how:
            case "succeeds":
                job.state = JobState.SUCCEEDED
            case "fails":
                job.state = JobState.FAILED
            case "gives back":
                job.restart_after_failure()
            case _:
                job.num_errors += 1
                if job.num_errors == MAX_ATTEMPTS:
                    job.state = JobState.DEAD
                else:
                    job.restart_after_failure(due=how == "errs")
                    # However slow the machine: only `pauses_before_retries_end` ends a pause.
                    later = f"run_after + interval '1 day' WHERE id = '{job.job_id}' AND run_after > now()"
                    execute(self.database, f"UPDATE job SET run_after = {later}")

    def try_to_leave(self, claim: Claim, how: str) -> bool:
        match how:
            case "succeeds" | "fails":
                state = JobState.SUCCEEDED if how == "succeeds" else JobState.FAILED
                return finish(self.database, claim.claimed, JobResult(state=state))
            case "gives back":
                return release(self.database, claim.claimed)
        delay_s = 0 if how == "errs" else 60
        return retry(self.database, claim.claimed, "why", max_attempts=MAX_ATTEMPTS, delay_s=delay_s)

    # What must hold after each of them

    @invariant()
    def every_rule_holds(self) -> None:
        assert broken_rules(self.database, RULES_AT_REST) == []

    @invariant()
    def every_job_stands_where_the_model_has_it_and_no_kept_step_has_changed(self) -> None:
        rows = scalar(
            self.database,
            """SELECT coalesce(json_object_agg(job.id, json_build_array(state, fence, ARRAY(
                   SELECT (step.fence, kept_text, step.created_at)::text
                   FROM step JOIN step_payload USING (job_id, index)
                   WHERE job_id = job.id ORDER BY index))), '{}')
               FROM job""",
        )
        assert {job_id: (state, fence, len(steps)) for job_id, (state, fence, steps) in rows.items()} == {
            str(job.job_id): (job.state, job.fence, job.num_steps) for job in self.jobs
        }
        for job_id, (_, _, steps) in rows.items():
            kept = self.kept.get(job_id, [])
            assert steps[: len(kept)] == kept
            self.kept[job_id] = steps

    @invariant()
    def every_worker_is_told_which_of_its_jobs_to_stop(self) -> None:
        assert recalled(self.database, [claim.claimed for claim in self.claims]) == tuple(
            (claim.claimed, Recall.PAUSED if claim.holds else Recall.LOST)
            for claim in self.claims
            if not claim.holds or claim.job.batch.paused
        )

    @contextmanager
    def nothing_changes(self) -> Iterator[None]:
        before = scalar(self.database, EVERYTHING)
        yield
        assert scalar(self.database, EVERYTHING) == before


# All but the events: a refused write leaves one.
EVERYTHING = " || ".join(
    f"(SELECT coalesce(json_agg({table} ORDER BY {table}::text)::text, '') FROM {table})"
    for table in ("job", "attempt", "step", "step_payload", "batch")
)
EVERYTHING = f"SELECT {EVERYTHING}"


@pytest.mark.timeout(600)
def test_the_queue_keeps_its_rules_under_any_sequence_of_moves(database: Database) -> None:
    writer = TraceWriter(database)
    with asyncio.Runner() as runner:
        run_state_machine_as_test(lambda: QueueMachine(database, writer, runner), settings=SETTINGS)
    writer.close()
