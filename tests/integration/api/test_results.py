"""The results of a batch, line by line."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from uuid import UUID, uuid4

import pytest
from fastapi.testclient import TestClient

from specreason.errors import NotFound
from specreason.store.access.visibility import Viewer
from specreason.store.queue.jobs import JobResult, finish
from specreason.store.read.results import (
    BYTES_PER_TOKEN,
    PAGE,
    EndedJob,
    _page_size,
    ended_jobs,
    ended_jobs_by_problem,
)
from specreason.store.session import Database
from specreason.store.tables.states import JobState
from specreason.store.trace.writer import TraceWriter
from tests.support.store.builders import accepted, answer, append_all, claimed, job_ids, start_worker, submit
from tests.support.store.grading import give, waiting_in
from tests.support.store.sql import execute


async def test_results_are_a_line_for_each_job_that_has_ended(client: TestClient, database: Database) -> None:
    batch_id = submit(database, 2, repeats=2)
    first, second, third, _ = job_ids(database, batch_id)
    worker_id = start_worker(database)
    writer = TraceWriter(database)
    job = claimed(database, first, worker_id)
    await append_all(writer, job, accepted(0), accepted(1, "Done.</think>"), answer(2))
    assert finish(database, job, JobResult(state=JobState.SUCCEEDED, answer="4", mean_concurrency=2.0))
    (waiting,) = waiting_in(database)
    assert give(database, waiting, is_correct=True)
    failed = claimed(database, third, worker_id)
    assert finish(database, failed, JobResult(state=JobState.FAILED, error="too\u2028long"))
    claimed(database, second, worker_id)  # runs, and is not among them
    writer.close()
    answered = client.get(f"/api/batches/{batch_id}/results")
    assert answered.headers["content-type"].startswith("application/jsonl")
    one, other = (json.loads(line) for line in answered.text.splitlines())
    assert (one["job_id"], one["problem_index"], one["repeat"]) == (str(first), 0, 0)
    assert (one["answer"], one["answer_text"], one["gold"], one["is_correct"]) == (
        "4",
        r"\boxed{4}",
        "4",
        True,
    )
    assert one["reasoning"] == "So 2 + 2 = 4.\n\nDone."
    assert one["usage"] == {
        "prompt_tokens": 40,
        "think_tokens": 6,
        "answer_tokens": 5,
        "spent_tokens": 14,
        "inserted_tokens": 0,
        "num_steps": 3,
        "num_drafted": 2,
        "num_accepted": 2,
    }
    assert one["latency_s"] > 0
    assert one["mean_concurrency"] == 2.0
    assert (other["job_id"], other["repeat"]) == (str(third), 1)
    assert (other["state"], other["error"], other["answer_text"]) == ("failed", "too\u2028long", "")


def test_results_of_many_jobs_have_each_once_in_both_orders(database: Database) -> None:
    batch_id = submit(database, PAGE + 1, repeats=2)
    execute(database, "UPDATE job SET state = 'cancelled', finished_at = now()")
    submitted = [(job.repeat, job.problem_index) for job in ended_jobs(database, Viewer.EVERYONE, batch_id)]
    assert submitted == sorted((repeat, index) for repeat in range(2) for index in range(PAGE + 1))
    ended = ended_jobs_by_problem(database, Viewer.EVERYONE, batch_id)
    by_problem = [(job.problem_index, job.repeat) for job in ended]
    assert by_problem == sorted(by_problem)
    assert len(set(by_problem)) == len(submitted)


def test_long_results_are_read_a_few_at_a_time_and_none_is_missed(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch_id = submit(database, 5, repeats=2)
    execute(
        database,
        "UPDATE job SET state = 'failed', finished_at = now(), think_tokens = 90, answer_tokens = 10",
    )
    execute(database, "UPDATE job SET think_tokens = NULL WHERE repeat = 1")
    monkeypatch.setattr("specreason.store.read.results.PAGE_BYTES", 3 * 100 * BYTES_PER_TOKEN)
    assert _page_size(database, batch_id) == 3
    assert len({job.job_id for job in ended_jobs(database, Viewer.EVERYONE, batch_id)}) == 10
    assert len({job.job_id for job in ended_jobs_by_problem(database, Viewer.EVERYONE, batch_id)}) == 10


@pytest.mark.parametrize("read", [ended_jobs, ended_jobs_by_problem])
def test_results_of_another_owners_batch_are_not_found_before_the_first_is_read(
    database: Database, read: Callable[[Database, Viewer, UUID], Iterator[EndedJob]]
) -> None:
    batch_id = submit(database)
    execute(database, "UPDATE batch SET owner = 'ada'")
    assert list(read(database, Viewer.of("ada"), batch_id)) == []
    with pytest.raises(NotFound, match=str(batch_id)):
        read(database, Viewer.of("eve"), batch_id)


def test_results_of_an_unknown_batch_are_404(client: TestClient) -> None:
    assert client.get(f"/api/batches/{uuid4()}/results").status_code == 404
