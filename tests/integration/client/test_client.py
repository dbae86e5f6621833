"""The client against a real server on a real database."""

from __future__ import annotations

import socket
import threading
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI

from specreason.client import Batch, Client, pages, transport
from specreason.errors import InvalidField, NotFound, TimedOut, Unreachable
from specreason.store.queue.jobs import JobResult, finish
from specreason.store.read.query import read_only_query
from specreason.store.session import Database
from specreason.store.tables.states import JobState
from specreason.store.trace.writer import TraceWriter
from tests.support.api.live import serving
from tests.support.messages import naming
from tests.support.store.builders import (
    accepted,
    append_all,
    claim_one,
    claimed,
    job_ids,
    rejected,
    start_worker,
    submit,
)
from tests.support.store.grading import grade_all
from tests.support.virtual_time import FakeTime

PROBLEMS = [{"problem": "What is 2 + 2?", "answer": "4", "id": "p1"}, {"problem": "What is 3 + 3?"}]
LINES = b'{"problem": "What is 2 + 2?", "answer": "4", "level": 3}\n{"problem": "What is 3 + 3?"}\n'


def end_all(database: Database, batch_id: UUID, state: JobState = JobState.SUCCEEDED) -> None:
    worker_id = start_worker(database)
    for job_id in job_ids(database, batch_id):
        assert finish(database, claimed(database, job_id, worker_id), JobResult(state=state, answer="4"))
    grade_all(database)


def test_a_path_its_content_and_its_problems_make_the_same_jobs(
    client: Client, database: Database, tmp_path: Path
) -> None:
    path = tmp_path / "sums.jsonl"
    path.write_bytes(LINES)
    for problems in (path, str(path), LINES, PROBLEMS):
        batch = client.submit(problems, config={"repeats": 2}, name="sums", metadata={"by": "test"})
        assert (batch.num_problems, batch.num_jobs, batch.counts) == (2, 4, {"queued": 4})
        assert (batch.name, batch.config["repeats"], batch.metadata) == ("sums", 2, {"by": "test"})
    names = read_only_query(database, "SELECT filename FROM file ORDER BY id").rows
    # A path and its text are the same submission.
    assert [name for (name,) in names] == ["sums.jsonl", "problems.jsonl", "problems.jsonl"]


def test_the_same_submission_is_the_same_batch_and_another_is_another(
    client: Client, database: Database
) -> None:
    first, again = (client.submit(LINES, config={"seed": 1}) for _ in range(2))
    other = client.submit(LINES, config={"seed": 2})
    own = client.submit(LINES, config={"seed": 1}, idempotency_key="mine")
    assert first.batch_id == again.batch_id
    assert len({first.batch_id, other.batch_id, own.batch_id}) == 3
    assert read_only_query(database, "SELECT count(*) FROM batch").rows == ((3,),)


def test_what_the_server_refuses_names_the_field_and_stores_nothing(
    client: Client, database: Database
) -> None:
    with pytest.raises(InvalidField, match=r"^line 2: ") as raised:
        client.submit(b'{"problem": "x"}\nno\n')
    assert raised.value.field == "line 2"
    with pytest.raises(InvalidField, match=naming("config.threshold:", 9)):
        client.submit(LINES, config={"threshold": 12})
    assert read_only_query(database, "SELECT count(*) FROM batch").rows == ((0,),)


def test_lists_are_read_to_their_end_page_by_page(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "ROWS", 2)
    ids = [client.submit(LINES, config={"seed": seed, "repeats": 3}).batch_id for seed in range(5)]
    assert [batch.batch_id for batch in client.batches()] == ids[::-1]
    jobs = list(client.jobs(ids[0]))
    assert [(job.repeat, job.problem_index) for job in jobs] == [(r, i) for r in range(3) for i in range(2)]


async def test_a_trace_is_read_as_it_was_written(client: Client, database: Database) -> None:
    job = claim_one(database)
    writer = TraceWriter(database)
    await append_all(writer, job, accepted(0), rejected(1))
    writer.close()
    first, second = client.steps(job.job_id)
    assert (first.index, first.decision, first.author, first.score) == (0, "accepted", "drafter", 8)
    assert (second.draft_text, second.kept_text) == ("So 2 + 2 = 5.\n\n", "Wait, 2 + 2 = 4.\n\n")
    assert client.job(job.job_id).num_steps == 2


def test_batches_and_jobs_are_controlled(client: Client, database: Database) -> None:
    batch_id = client.submit(LINES).batch_id
    first, second = (job.job_id for job in client.jobs(batch_id))
    assert client.pause(batch_id).paused_at is not None
    assert client.resume(batch_id).paused_at is None
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    client.deadline(batch_id, tomorrow)
    assert client.job(second).deadline_at == tomorrow
    assert client.job_deadline(second, None).deadline_at is None
    assert client.cancel_job(first).state == "cancelled"
    assert client.requeue_job(first).state == "queued"
    assert client.cancel(batch_id).counts == {"cancelled": 2}
    assert client.requeue(batch_id, ["cancelled"]).counts == {"queued": 2}


def test_what_is_not_there_is_not_found(client: Client) -> None:
    missing = uuid4()
    for ask in (client.batch, client.job, client.cancel, client.cancel_job):
        with pytest.raises(NotFound, match=str(missing)):
            ask(missing)
    with pytest.raises(NotFound):
        list(client.jobs(missing))


def test_workers_and_the_deployment_are_described(client: Client, database: Database) -> None:
    worker_id = start_worker(database)
    (worker,) = client.workers()
    assert (worker.worker_id, worker.alive, worker.slots) == (worker_id, True, 16)
    assert "demo" in client.health().pairs


def test_waiting_ends_with_the_last_job_and_tells_of_those_before(client: Client, database: Database) -> None:
    batch_id = submit(database, 3)
    seen: list[Batch] = []

    def note(batch: Batch) -> None:
        seen.append(batch)
        if len(seen) == 1:
            end_all(database, batch_id)

    batch = client.wait(batch_id, timeout_s=30, on_progress=note)
    assert (batch.num_succeeded, batch.ended) == (3, True)
    assert [each.num_ended for each in seen] == [0, 3]


def test_waiting_goes_on_until_the_answers_have_their_grades(client: Client, database: Database) -> None:
    batch_id = submit(database, 3)
    worker_id = start_worker(database)
    for job_id in job_ids(database, batch_id):
        result = JobResult(state=JobState.SUCCEEDED, answer="4")
        assert finish(database, claimed(database, job_id, worker_id), result)
    seen: list[int] = []

    def note(batch: Batch) -> None:
        seen.append(batch.num_ungraded)
        if len(seen) == 2:
            grade_all(database)

    batch = client.wait(batch_id, timeout_s=30, on_progress=note)
    assert (batch.pass_at_1, batch.num_graded, seen) == (1.0, 3, [3, 3, 0])


def test_grades_that_do_not_come_are_waited_for_a_while_only(
    client: Client, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch_id = submit(database)
    (job_id,) = job_ids(database, batch_id)
    result = JobResult(state=JobState.SUCCEEDED, answer="4")
    assert finish(database, claimed(database, job_id, start_worker(database)), result)
    monkeypatch.setattr("specreason.client.waiting.GRADES_S", 0.3)
    batch = client.wait(batch_id)
    assert (batch.ended, batch.complete, batch.pass_at_1) == (True, False, None)


def test_of_several_batches_every_open_one_is_looked_at_in_each_round(
    client: Client, database: Database
) -> None:
    first, second = submit(database, 2), submit(database, 1)
    seen: list[tuple[UUID, int]] = []

    def note(batch: Batch) -> None:
        seen.append((batch.batch_id, batch.num_ended))
        if seen[-1] == (second, 0):
            end_all(database, second)
        elif seen[-1] == (second, 1):
            end_all(database, first)

    ended = client.wait_all([first, second], timeout_s=30, on_progress=note)
    assert [(batch.batch_id, batch.num_succeeded) for batch in ended] == [(first, 2), (second, 1)]
    assert seen == [(first, 0), (second, 0), (first, 0), (second, 1), (first, 2)]


def test_patience_ends_and_the_batch_goes_on(client: Client, database: Database) -> None:
    batch_id = submit(database, 2)
    with pytest.raises(TimedOut, match=naming("2 of 2 jobs", "0.3 s")):
        client.wait(batch_id, timeout_s=0.3)
    assert client.batch(batch_id).num_queued == 2


def test_a_read_and_a_submission_outlast_a_restart_of_the_server(app: FastAPI) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with ExitStack() as cleanup:
        late = threading.Timer(1.0, lambda: cleanup.enter_context(serving(app, port)))
        late.start()
        with Client(f"http://127.0.0.1:{port}", patience_s=30) as client:
            batch = client.submit(LINES)
            assert client.batch(batch.batch_id).num_jobs == 2
        late.join()


def test_a_server_that_is_not_there_is_said_within_the_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    time = FakeTime()
    monkeypatch.setattr(transport, "time", time)
    with (
        Client("http://127.0.0.1:1", patience_s=0.5) as client,
        pytest.raises(Unreachable, match=naming("http://127.0.0.1:1")),
    ):
        client.health()
    assert 0 < time.now <= 0.5
