"""The fate of jobs whose worker is killed, frozen, told to leave, or hangs. Real processes, scripted models.

Wherever a job ends in the end, its trace is the one of a run that nothing disturbed: `wait_for_ends` compares them.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator

import pytest

from specreason.embedded import Servers
from specreason.store.access.visibility import Viewer
from specreason.store.queue.controls import cancel_job, pause_batch, resume_batch
from specreason.store.read.summaries import read_job
from specreason.store.session import Database
from tests.support.store.sql import execute, rows_of
from tests.support.workers.harness import WorkerHarness, all_gone, freeze, until, worker_harness
from tests.support.workers.processes import alive
from tests.support.workers.scripted_child import ANSWER_INDEX

SLOTS = 5
LEASE_S = 3
SETTINGS = {"slots": SLOTS, "lease_s": LEASE_S, "beat_s": 0.3, "stall_s": 3, "republish_s": 1, "retry_s": 0.2}


@pytest.fixture(scope="module")
def harness(servers: Servers, administration: Database) -> Iterator[WorkerHarness]:
    with worker_harness(servers, administration, SETTINGS) as harness:
        yield harness


@pytest.fixture(autouse=True)
def nothing_held_up(harness: WorkerHarness) -> Iterator[None]:
    """At the end of each test, also of a failed one."""
    yield
    harness.let_go_of_all()


def test_however_often_a_job_is_announced_it_runs_once(harness: WorkerHarness) -> None:
    harness.worker()
    job_ids = harness.submit("Slow. The first.", "The second.")
    for _ in range(20):
        harness.announce(*job_ids)
    harness.wait_for_ends(*job_ids)
    harness.announce(*job_ids)
    (after,) = harness.submit("The last.")
    harness.wait_for_ends(after)
    assert [harness.attempts(job_id) for job_id in job_ids] == [["succeeded from 0"]] * 2


def test_the_parts_of_a_jobs_latency_sum_to_it_and_say_how_many_were_in_flight(
    harness: WorkerHarness,
) -> None:
    harness.worker()
    job_ids = harness.submit("Slow. The first.", "Slow. The second.")
    harness.wait_for_ends(*job_ids)
    for job_id in job_ids:
        job = read_job(harness.database, Viewer.EVERYONE, job_id)
        assert None not in (job.latency_s, job.store_s, job.own_s, job.admission_s)
        parts = job.engine_s + (job.store_s or 0) + (job.own_s or 0)
        assert parts == pytest.approx(job.latency_s)
        assert job.mean_concurrency is not None
        assert 0 < job.mean_concurrency <= SLOTS


def test_a_message_that_got_lost_is_sent_again(harness: WorkerHarness) -> None:
    harness.worker()
    harness.hold("crowd")
    crowd = harness.submit(*["Wait for crowd at 0."] * SLOTS)
    until(lambda: all(harness.state(job_id) == "running" for job_id in crowd))
    late = harness.submit("One.", "Two.", "Three.")
    batch_id = harness.batch_of(late[0])
    unsent = f"SELECT FROM job WHERE batch_id = '{batch_id}' AND published_at IS NULL"
    until(lambda: not rows_of(harness.database, unsent))
    assert harness.lose_messages() >= 2  # the consumer may hold one already
    harness.let_go("crowd")
    harness.wait_for_ends(*crowd, *late)
    assert [harness.attempts(job_id) for job_id in late] == [["succeeded from 0"]] * 3


def test_a_cancelled_job_stops_and_frees_its_slot_while_the_others_are_held_up(
    harness: WorkerHarness,
) -> None:
    harness.worker()
    harness.hold("crowd")
    cancelled, *others = harness.submit(*["Wait for crowd at 0."] * SLOTS)
    until(lambda: all(harness.state(job_id) == "running" for job_id in (cancelled, *others)))
    (following,) = harness.submit("The next one.")
    cancel_job(harness.database, Viewer.EVERYONE, cancelled)
    until(lambda: harness.state(following) != "queued")
    harness.let_go("crowd")
    harness.wait_for_ends(*others, following)
    assert (harness.state(cancelled), harness.num_steps(cancelled)) == ("cancelled", [0])


def test_a_paused_job_is_given_back_after_the_step_it_is_at(harness: WorkerHarness) -> None:
    harness.worker()
    harness.hold("pause")
    (job_id,) = harness.submit("Wait for pause at 2.")
    harness.wait_for_steps((job_id, 2))
    pause_batch(harness.database, Viewer.EVERYONE, harness.batch_of(job_id))
    time.sleep(1)  # it hears of that within half a second
    harness.let_go("pause")
    until(lambda: harness.state(job_id) == "queued")
    assert (harness.num_steps(job_id), harness.attempts(job_id)) == ([3], ["released from 0"])
    resume_batch(harness.database, Viewer.EVERYONE, harness.batch_of(job_id))
    harness.wait_for_ends(job_id)
    assert harness.attempts(job_id) == ["released from 0", "succeeded from 3"]


def test_a_job_that_must_run_alone_runs_with_nothing_beside_it(harness: WorkerHarness) -> None:
    harness.worker()
    harness.hold("crowd")
    crowd = harness.submit(*["Wait for crowd at 0."] * SLOTS)
    until(lambda: all(harness.state(job_id) == "running" for job_id in crowd))
    others = harness.submit(*(f"Slow. Number {number}." for number in range(6)))
    alone = others[2]
    execute(harness.database, f"UPDATE job SET alone = true WHERE id = '{alone}'")
    harness.let_go("crowd")
    harness.wait_for_ends(*crowd, *others)
    beside = rows_of(
        harness.database,
        f"""SELECT FROM attempt AS this JOIN attempt AS other ON other.job_id <> this.job_id
            AND other.started_at < this.ended_at AND other.ended_at > this.started_at
            WHERE this.job_id = '{alone}'""",
    )
    assert not beside
    assert harness.attempts(alone) == ["succeeded from 0"]


def test_a_hung_engine_is_noticed_and_its_job_ends_on_the_next_child(harness: WorkerHarness) -> None:
    worker = harness.worker()
    hung = worker.child_pid
    harness.hold("hang")
    (job_id,) = harness.submit("Hang on hang at 3.")
    harness.wait_for_steps((job_id, 3))
    until(lambda: not alive(hung))
    harness.let_go("hang")
    harness.wait_for_ends(job_id)
    assert harness.attempts(job_id) == ["lost from 0", "succeeded from 3"]
    assert worker.process.poll() is None


@pytest.mark.parametrize("what", ["the child", "the whole worker"])
def test_jobs_whose_worker_is_killed_at_any_point_end_on_another_as_if_nothing_had_happened(
    harness: WorkerHarness, what: str
) -> None:
    worker = harness.worker()
    names = ("start", "middle", "commit", "answer", "end")
    harness.hold(*names)
    start, middle, commit, answer, end = job_ids = harness.submit(
        "Wait for start at 0.",
        "Wait for middle at 3.",
        "Wait for commit at 2.",
        "Wait for answer at answer.",
        "Wait for end at answer.",
    )
    harness.wait_for_steps((start, 0), (middle, 3), (commit, 2), (answer, ANSWER_INDEX), (end, ANSWER_INDEX))
    until(lambda: harness.state(start) == "running")
    if what == "the whole worker":
        harness.start()
    with harness.lock(commit, "FOR UPDATE"), harness.lock(end, "FOR SHARE"):
        harness.let_go("commit", "end")
        until(lambda: harness.num_blocked() == 2)
        killed = worker.family if what == "the whole worker" else [worker.child_pid]
        os.kill(killed[0], signal.SIGKILL)
        until(lambda: all_gone(killed))
    harness.let_go("start", "middle", "answer")
    harness.wait_for_ends(*job_ids)
    # Postgres ends the statement of a client that is gone: a step in its commit is stored if its claim still held then.
    went_on_at = (("0",), ("3",), ("2", "3"), (f"{ANSWER_INDEX}",), (f"{ANSWER_INDEX + 1}",))
    for job_id, steps in zip(job_ids, went_on_at, strict=True):
        assert harness.attempts(job_id)[1:] in [[f"succeeded from {step}"] for step in steps]
    assert {harness.attempts(job_id)[0] for job_id in job_ids} == {"lost from 0"}


def test_a_worker_told_to_leave_gives_its_job_back_at_the_next_step_while_others_go_on(
    harness: WorkerHarness,
) -> None:
    worker = harness.worker()
    harness.hold("step")
    (job_id,) = harness.submit("Wait for step at 2.")
    harness.wait_for_steps((job_id, 2))
    other_worker = harness.start()
    other_worker.wait_until_ready()
    worker.process.terminate()
    time.sleep(0.5)  # from now on it takes nothing
    (other_job,) = harness.submit("Meanwhile.")
    harness.wait_for_ends(other_job)
    assert harness.state(job_id) == "running"
    harness.let_go("step")
    assert worker.process.wait(10) == 0
    harness.wait_for_ends(job_id)
    assert harness.attempts(job_id) == ["released from 0", "succeeded from 3"]


def test_a_worker_told_twice_to_leave_does_so_at_once(harness: WorkerHarness) -> None:
    worker = harness.worker()
    harness.hold("step")
    (job_id,) = harness.submit("Wait for step at 1.")
    harness.wait_for_steps((job_id, 1))
    harness.start()
    family = worker.family
    worker.process.terminate()
    time.sleep(0.5)
    assert alive(worker.process.pid)
    worker.process.terminate()
    assert worker.process.wait(20) == 0  # well before the time it may take to drain
    until(lambda: all_gone(family))
    harness.let_go("step")
    harness.wait_for_ends(job_id)
    assert harness.attempts(job_id) == ["lost from 0", "succeeded from 1"]


def test_a_worker_frozen_past_its_lease_tries_to_write_when_it_wakes_and_gets_nothing_written(
    harness: WorkerHarness,
) -> None:
    frozen = harness.worker()
    zombie = frozen.child_pid
    harness.hold("step")
    (job_id,) = harness.submit("Wait for step at 2.")
    harness.wait_for_steps((job_id, 2))
    following = harness.start()
    with harness.lock(job_id, "FOR UPDATE"):
        harness.let_go("step")
        until(lambda: harness.num_blocked() == 1)
        freeze(frozen.process.pid)  # it leads
        freeze(zombie)  # it writes
        harness.end_blocked()  # the statement that it has sent; awake, it sends it again
    harness.wait_for_ends(job_id)
    assert harness.attempts(job_id) == ["lost from 0", "succeeded from 2"]
    until(lambda: frozen.child_pid is None)  # its lease has run out
    refused = f"SELECT detail FROM event WHERE kind = 'write_refused' AND job_id = '{job_id}'"
    assert rows_of(harness.database, refused) == []
    os.kill(zombie, signal.SIGCONT)
    until(lambda: bool(rows_of(harness.database, refused)))
    assert rows_of(harness.database, refused) == [({"fence": 1, "index": 2},)]
    os.kill(frozen.process.pid, signal.SIGCONT)
    until(lambda: not alive(zombie))
    frozen.wait_until_ready()  # as a new worker, with a lease of its own
    harness.wait_for_ends(job_id)
    assert harness.attempts(job_id) == ["lost from 0", "succeeded from 2"]
    assert following.process.poll() is None
    frozen.process.kill()
    frozen.process.wait()
