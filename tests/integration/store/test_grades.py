"""Which answers wait for a grade, and what the grades make of a batch."""

from __future__ import annotations

import pytest

from specreason.errors import InputError
from specreason.store.access.visibility import Viewer
from specreason.store.queue.jobs import JobResult, finish
from specreason.store.read.query import read_only_query
from specreason.store.read.summaries import read_batch, read_job
from specreason.store.session import Database, ping
from specreason.store.tables.states import JobState
from specreason.store.trace.grades import NewGrade, UngradedAnswer, insert_grade
from tests.support.store.builders import claimed, job_ids, start_worker, submit, waiting_in
from tests.support.store.sql import scalar


def run_all(database: Database, *answers: str | None, gold: str | None = "4") -> tuple[UngradedAnswer, ...]:
    worker_id = start_worker(database)
    for job_id, answer in zip(
        job_ids(database, submit(database, len(answers), gold=gold)), answers, strict=True
    ):
        job = claimed(database, job_id, worker_id)
        assert finish(database, job, JobResult(state=JobState.SUCCEEDED, answer=answer))
    return waiting_in(database)


def give(database: Database, waiting: UngradedAnswer, *, is_correct: bool, grader: str = "exact 1") -> None:
    insert_grade(
        database,
        NewGrade(job_id=waiting.job_id, grader=grader, answer=waiting.answer, is_correct=is_correct),
    )


def test_each_succeeded_job_with_a_gold_answer_is_graded_once(database: Database) -> None:
    waiting = run_all(database, "4", None)
    assert [(one.answer, one.gold) for one in waiting] == [("4", "4"), (None, "4")]
    for one in waiting:
        give(database, one, is_correct=one.answer == one.gold)
    assert waiting_in(database) == ()
    batch = read_batch(
        database, Viewer.EVERYONE, read_job(database, Viewer.EVERYONE, waiting[0].job_id).batch_id
    )
    assert (batch.num_graded, batch.num_correct, batch.pass_at_1) == (2, 1, 0.5)
    assert batch.num_timed == 2
    assert batch.mean_latency_s is not None


def test_without_a_gold_answer_there_is_nothing_to_grade(database: Database) -> None:
    assert run_all(database, "4", gold=None) == ()


def test_the_newest_grade_counts_and_the_older_stays(database: Database) -> None:
    (waiting,) = run_all(database, "4")
    give(database, waiting, is_correct=False)
    give(database, waiting, is_correct=True, grader="exact 2")
    summary = read_job(database, Viewer.EVERYONE, waiting.job_id)
    assert summary.is_correct is True
    assert read_batch(database, Viewer.EVERYONE, summary.batch_id).pass_at_1 == 1.0
    assert scalar(database, "SELECT count(*) FROM grade") == 2


def test_a_users_query_reads_and_cannot_write(database: Database) -> None:
    ping(database)
    answer = read_only_query(database, "SELECT '50%' AS share, ':name' AS colon, 1::text AS one")
    assert answer.columns == ("share", "colon", "one")
    assert answer.rows == (("50%", ":name", "1"),)
    with pytest.raises(InputError, match="read-only transaction"):
        read_only_query(database, "DELETE FROM job")
    with pytest.raises(InputError, match='"nothing"'):
        read_only_query(database, "SELECT nothing")
