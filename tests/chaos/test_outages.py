"""Two outages that chance seldom finds: an answer that gets lost, and a leader that has slept through one."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest

import worker.leader
import worker.run_job
from specreason.config import RunConfig
from specreason.doorbell import Doorbell
from specreason.errors import StoreUnavailable
from specreason.settings import Settings
from specreason.store.access.visibility import Viewer
from specreason.store.queue.batches import NewBatch
from specreason.store.queue.claims import ClaimedJob
from specreason.store.queue.dispatch import Leadership, expire_leases
from specreason.store.queue.jobs import claim
from specreason.store.queue.problems import NewProblem, check
from specreason.store.queue.workers import beat
from specreason.store.read.summaries import read_job
from specreason.store.session import Database
from specreason.store.tables.states import JobState
from specreason.store.trace.writer import TraceWriter
from tests.chaos.deployment.scripted_pair import PROBLEM, make_pair
from tests.support.store.builders import PAIR, claim_one, expire, insert_batch, job_ids, start_worker
from tests.support.workers.processes import wait_for
from worker.host import PairHost
from worker.leader import GRACE_BEATS, Leader
from worker.run_job import JobRunner

BEAT_S = 0.2
NO_BROKER = "redis://127.0.0.1:1/0"


@pytest.fixture
def runner(database: Database) -> Iterator[JobRunner]:
    pair = make_pair(speed=0)
    worker_id = start_worker(database, fingerprint=pair.fingerprint)
    writer, host = TraceWriter(database), PairHost()
    runner = JobRunner(database, writer, host, pair, worker_id=worker_id, settings=Settings())
    yield runner
    runner.draining.set()
    for thread in threading.enumerate():
        if thread.name == "recalls":
            thread.join()  # it uses the database
    writer.close()
    host.close()


def test_a_job_whose_claim_was_never_answered_is_given_back(
    database: Database, runner: JobRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker.run_job, "AGAIN_S", 0.05)
    problems = [NewProblem(text=PROBLEM.format(number=0))]
    new = NewBatch(name="one", pair=PAIR, config=RunConfig(), problems=check(problems))
    (job_id,) = job_ids(database, insert_batch(database, new))
    answers_to_lose = [True]

    def unheard(*arguments: object, **options: object) -> ClaimedJob | None:
        claimed = claim(*arguments, **options)  # type: ignore[arg-type]
        if answers_to_lose and answers_to_lose.pop():
            raise StoreUnavailable("database: the connection was cut in the commit")
        return claimed

    monkeypatch.setattr(worker.run_job, "claim", unheard)
    asking = threading.Thread(target=runner, args=(job_id,))
    asking.start()
    wait_for(lambda: not answers_to_lose)
    assert read_job(database, Viewer.EVERYONE, job_id).state is JobState.RUNNING
    wait_for(lambda: read_job(database, Viewer.EVERYONE, job_id).state is JobState.QUEUED)
    asking.join()
    runner(job_id)
    assert read_job(database, Viewer.EVERYONE, job_id).state is JobState.SUCCEEDED


def test_a_new_leader_lets_every_worker_renew_before_it_takes_one_for_lost(database: Database) -> None:
    job = claim_one(database)
    expire(database, job.worker_id)  # as after an outage, in which no worker could renew
    settings = Settings(beat_s=BEAT_S)
    leader = Leader(database, Doorbell(NO_BROKER), settings)
    leader.tick()
    assert beat(database, job.worker_id, lease_s=60)
    expire(database, job.worker_id)
    time.sleep(GRACE_BEATS * BEAT_S)
    leader.tick()
    assert not beat(database, job.worker_id, lease_s=60)
    leader.close()


def test_a_leader_that_sees_time_jump_lets_every_worker_renew(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(lease_s=2, beat_s=BEAT_S)
    leader = Leader(database, Doorbell(NO_BROKER), settings)
    leader.tick()
    time.sleep(GRACE_BEATS * BEAT_S)
    leader.tick()
    job = claim_one(database)
    expire(database, job.worker_id)  # all machines have slept, and Postgres's clock has not
    led_at = datetime.now(UTC) + timedelta(seconds=60)
    with monkeypatch.context() as asleep:
        asleep.setattr(Leadership, "try_lead", lambda self: led_at)
        with suppress(StoreUnavailable):
            leader.tick()
    assert beat(database, job.worker_id, lease_s=60)
    leader.close()


def test_a_leader_that_slept_between_its_poll_and_its_sweep_counts_no_worker_as_lost(
    database: Database,
) -> None:
    job = claim_one(database)
    expire(database, job.worker_id)
    assert expire_leases(database, not_after=datetime.now(UTC) - timedelta(seconds=1)) == 0
    assert beat(database, job.worker_id, lease_s=60)


def test_a_leader_whose_broker_is_away_takes_jobs_back_without_waiting_for_it(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker.leader, "BROKER_AWAY_S", 600.0)  # how long it leaves the broker alone
    settings = Settings(beat_s=BEAT_S / GRACE_BEATS)
    leader = Leader(database, Doorbell(NO_BROKER), settings)
    start_worker(database)  # without one there is no worker to announce to
    with pytest.raises(StoreUnavailable, match="broker"):
        leader.tick()
    job = claim_one(database)
    expire(database, job.worker_id)

    def taken_back() -> bool:
        leader.tick()
        return read_job(database, Viewer.EVERYONE, job.job_id).state is JobState.QUEUED

    wait_for(taken_back)
    leader.close()
