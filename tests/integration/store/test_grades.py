"""Which answers wait for a grade, who has them, and what the grades make of a batch."""

from __future__ import annotations

import pytest

from specreason.errors import InputError
from specreason.store.access.visibility import Viewer
from specreason.store.read.query import read_only_query
from specreason.store.read.summaries import read_batch, read_job, read_jobs
from specreason.store.session import Database, ping
from specreason.store.trace.grades import (
    MOST_MARKS,
    batches_to_grade,
    give_back,
    take_answers,
)
from specreason.store.trace.regrade import regrade_batch
from tests.support.store.grading import answered, give, let_leases_run_out, waiting_in
from tests.support.store.sql import scalar


def test_each_succeeded_job_with_a_gold_answer_is_graded_once(database: Database) -> None:
    batch_id = answered(database, "4", None)
    waiting = waiting_in(database)
    assert [(one.answer, one.gold) for one in waiting] == [("4", "4"), (None, "4")]
    for one in waiting:
        assert give(database, one, is_correct=one.answer == one.gold)
        assert not give(database, one, is_correct=True)
    assert waiting_in(database) == ()
    batch = read_batch(database, Viewer.EVERYONE, batch_id)
    assert (batch.num_graded, batch.num_correct, batch.pass_at_1, batch.num_ungraded) == (2, 1, 0.5, 0)
    assert batch.num_timed == 2
    assert batch.mean_latency_s is not None


def test_without_a_gold_answer_there_is_nothing_to_grade(database: Database) -> None:
    answered(database, "4", gold=None)
    assert waiting_in(database) == ()


def test_a_grade_names_its_grader_its_reason_and_the_gold_answer(database: Database) -> None:
    answered(database, "5")
    (waiting,) = waiting_in(database)
    give(database, waiting, is_correct=False, given_up=True)
    job = read_job(database, Viewer.EVERYONE, waiting.job_id)
    assert (job.is_correct, job.graded_by, job.grade_detail) == (False, "exact 1", "test: given by hand")
    assert job.given_up is True
    assert job.graded_at is not None
    assert read_batch(database, Viewer.EVERYONE, job.batch_id).num_given_up == 1
    assert scalar(database, "SELECT gold FROM grade") == "4"


def test_the_newest_grade_counts_and_the_older_stays(database: Database) -> None:
    batch_id = answered(database, "4")
    (waiting,) = waiting_in(database)
    assert give(database, waiting, is_correct=False)
    assert regrade_batch(database, Viewer.EVERYONE, batch_id) == 1
    (waiting,) = waiting_in(database)
    assert give(database, waiting, is_correct=True, grader="exact 2")
    assert read_job(database, Viewer.EVERYONE, waiting.job_id).is_correct is True
    assert read_batch(database, Viewer.EVERYONE, batch_id).pass_at_1 == 1.0
    assert scalar(database, "SELECT count(*) FROM grade") == 2


def test_graders_share_a_batch_and_none_has_an_answer_that_another_has(database: Database) -> None:
    batch_id = answered(database, "1", "2", "3")
    first, second = (take_answers(database, batch_id, limit=2) for _ in range(2))
    assert [one.answer for one in (*first, *second)] == ["1", "2", "3"]
    assert batches_to_grade(database) == ()
    assert take_answers(database, batch_id, limit=2) == ()


def test_a_grader_that_was_frozen_writes_nothing_over_what_another_took(database: Database) -> None:
    batch_id = answered(database, "4")
    (frozen,) = waiting_in(database)
    let_leases_run_out(database)
    (later,) = take_answers(database, batch_id, limit=1)
    assert not give(database, frozen, is_correct=False)
    give_back(database, [frozen])
    assert give(database, later, is_correct=True)
    assert scalar(database, "SELECT count(*) FROM grade") == 1


def test_a_grade_against_an_earlier_gold_answer_is_refused(database: Database) -> None:
    batch_id = answered(database, "4")
    (before,) = waiting_in(database)
    regrade_batch(database, Viewer.EVERYONE, batch_id)
    assert not give(database, before, is_correct=True)
    assert len(waiting_in(database)) == 1


def test_an_answer_with_a_mark_is_taken_alone_and_after_the_others(database: Database) -> None:
    batch_id = answered(database, "1", "2", "3")
    assert len(take_answers(database, batch_id, limit=2)) == 2
    let_leases_run_out(database)  # their grader died
    taken = [take_answers(database, batch_id, limit=9) for _ in range(4)]
    assert [[(one.answer, one.num_marks) for one in each] for each in taken] == [
        [("3", 0)],
        [("1", 1)],
        [("2", 1)],
        [],
    ]


def test_marks_count_graders_that_died_and_not_those_that_gave_the_answer_back(database: Database) -> None:
    batch_id = answered(database, "1")
    for _ in range(5):
        give_back(database, take_answers(database, batch_id, limit=1))
    for died in range(MOST_MARKS + 1):
        (one,) = take_answers(database, batch_id, limit=1)
        assert one.num_marks == died
        let_leases_run_out(database)


def test_a_batch_of_many_answers_hides_no_other_batch(database: Database) -> None:
    answered(database, *["1"] * 30)
    other = answered(database, "2")
    assert batches_to_grade(database)[1].batch_id == other


def test_answers_for_a_grader_that_is_not_here_are_left_to_other_workers(database: Database) -> None:
    batch_id = answered(database, "1")
    regrade_batch(database, Viewer.EVERYONE, batch_id, grader="lenient")
    assert batches_to_grade(database, graders=["strict"]) == ()
    assert take_answers(database, batch_id, limit=1) == ()
    (batch,) = batches_to_grade(database, graders=["strict", "lenient"])
    (answer,) = take_answers(database, batch.batch_id, graders=["lenient"], limit=1)
    assert (answer.grader, answer.num_marks) == ("lenient", 0)


def test_a_users_query_reads_and_cannot_write(database: Database) -> None:
    ping(database)
    answer = read_only_query(database, "SELECT '50%' AS share, ':name' AS colon, 1::text AS one")
    assert answer.columns == ("share", "colon", "one")
    assert answer.rows == (("50%", ":name", "1"),)
    with pytest.raises(InputError, match="read-only transaction"):
        read_only_query(database, "DELETE FROM job")
    with pytest.raises(InputError, match='"nothing"'):
        read_only_query(database, "SELECT nothing")


def test_an_old_grade_counts_until_the_new_one_is_there(database: Database) -> None:
    batch_id = answered(database, "4", "4")
    one, other = waiting_in(database)
    assert give(database, one, is_correct=False)
    assert give(database, other, is_correct=False)
    regrade_batch(database, Viewer.EVERYONE, batch_id)

    def figures() -> tuple[float | None, int, int, int]:
        batch = read_batch(database, Viewer.EVERYONE, batch_id)
        return batch.pass_at_1, batch.num_graded, batch.num_ungraded, batch.num_regrading

    assert figures() == (0.0, 2, 2, 2)
    one, other = waiting_in(database)
    assert give(database, one, is_correct=True)
    assert figures() == (0.5, 2, 1, 1)
    assert [job.graded_at is None for job in read_jobs(database, Viewer.EVERYONE, batch_id).rows] == [
        False,
        True,
    ]
    assert give(database, other, is_correct=True)
    assert figures() == (1.0, 2, 0, 0)
