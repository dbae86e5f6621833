"""The grader with its bounded processes, on a real database: shared work, turns, kills, and grading anew."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from uuid import UUID

import pytest

from specreason.errors import InvalidField
from specreason.evaluation import bounded
from specreason.evaluation.bounded import BoundedGrader
from specreason.store.access.visibility import Viewer
from specreason.store.queue.jobs import JobResult, finish
from specreason.store.read.summaries import read_batch, read_job
from specreason.store.session import Database
from specreason.store.tables.states import JobState
from specreason.store.trace.grades import batches_to_grade, insert_grades, take_answers
from specreason.store.trace.regrade import regrade_batch
from tests.support.store.builders import claimed, job_ids, start_worker, submit
from tests.support.store.sql import execute, scalar
from worker.grader import Graders, Turns, grade_pending

MINUTES = pytest.mark.timeout(300)
POISONED = (
    r"\lfloor 2.5^{100000000000}\rfloor",
    r"\binom{3000000000}{1500000000}",
    r"\frac{6^{6^{6^{6}}}-6}{10}",
    "(" * 5000 + "x" + ")" * 5000,
    "7" * 19_000,
    r"x^{2^{3^{4^{5}}}}+1",
    r"\sum_{n=1}^{10^{12}} \frac{1}{n^3}",
    r"(10^{9})!",
    r"\prod_{k=1}^{99999999} k",
)


@pytest.fixture(scope="module")
def graders() -> Iterator[Graders]:
    with Graders() as graders:
        yield graders


def answered(database: Database, *answers: str | None, gold: str = "4") -> UUID:
    """A batch whose jobs have succeeded with these answers."""
    worker_id = start_worker(database)
    batch_id = submit(database, len(answers), gold=gold)
    for job_id, answer in zip(job_ids(database, batch_id), answers, strict=True):
        job = claimed(database, job_id, worker_id)
        assert finish(database, job, JobResult(state=JobState.SUCCEEDED, answer=answer))
    return batch_id


def grade_all(database: Database, graders: Graders, turns: Turns | None = None) -> None:
    turns = turns or Turns()
    while batches_to_grade(database):
        grade_pending(database, graders, turns)


@MINUTES
def test_a_grade_names_its_grader_layer_reason_and_gold_answer(database: Database, graders: Graders) -> None:
    batch_id = answered(database, "4.0", "5", None)
    grade_all(database, graders)
    batch = read_batch(database, Viewer.EVERYONE, batch_id)
    assert (batch.num_graded, batch.num_correct, batch.num_given_up) == (3, 1, 0)
    right, wrong, none = (
        read_job(database, Viewer.EVERYONE, job_id) for job_id in job_ids(database, batch_id)
    )
    assert (right.is_correct, wrong.is_correct, none.is_correct) == (True, False, False)
    assert (right.graded_by or "").startswith("layers ")
    assert (right.grade_detail or "").startswith("number: ")
    assert scalar(database, "SELECT count(*) FROM grade WHERE gold = '4'") == 3


@MINUTES
@pytest.mark.parametrize("gold", POISONED, ids=range(len(POISONED)))
def test_an_answer_that_costs_too_much_is_wrong_or_given_up_and_the_next_is_graded(gold: str) -> None:
    with BoundedGrader() as grader:
        assert grader.grade("4", "4").is_correct
        assert not grader.grade("123", gold).is_correct
        assert not grader.grade(gold, "123").is_correct
        assert grader.grade("1/2", "0.5").is_correct


@MINUTES
def test_a_killed_helper_gives_its_answer_up_and_the_next_one_grades(monkeypatch: pytest.MonkeyPatch) -> None:
    with BoundedGrader() as grader:
        assert grader.grade("4", "4").is_correct
        assert grader._process is not None
        os.kill(grader._process.pid, signal.SIGKILL)
        found = grader.grade("4", "4")
        assert (found.given_up, found.is_correct) == (True, False)
        assert "killed" in found.why
        assert grader.grade("4", "4").is_correct
        # As an answer that makes the helper wait.
        os.kill(grader._process.pid, signal.SIGSTOP)
        monkeypatch.setattr(bounded, "CLOCK_S", 0.2)
        assert "0.2 s" in grader.grade("4", "4").why


@MINUTES
def test_a_batch_full_of_costly_answers_does_not_keep_the_others_waiting(
    database: Database, graders: Graders
) -> None:
    costly = answered(database, *["123"] * 40, gold=r"\prod_{k=1}^{99999999} \sin(k)")
    others = answered(database, *["4"] * 5)
    turns = Turns()
    for _ in range(3):
        grade_pending(database, graders, turns)
    assert read_batch(database, Viewer.EVERYONE, others).num_correct == 5
    assert read_batch(database, Viewer.EVERYONE, costly).num_graded < 40


def test_graders_share_the_work_and_a_late_one_is_refused(database: Database) -> None:
    batch_id = answered(database, "4", "4", "4")
    first = take_answers(database, batch_id, limit=2)
    second = take_answers(database, batch_id, limit=2)
    assert len(first) == 2
    assert len(second) == 1
    assert take_answers(database, batch_id, limit=2) == ()
    # The first one is frozen past its lease; another takes what it had, and it wakes up.
    execute(
        database,
        "UPDATE job SET grading_until = now() - interval '1 second' WHERE id = :id",
        id=first[0].job_id,
    )
    (again,) = take_answers(database, batch_id, limit=1)
    with Graders() as graders:
        grades = [graders.grade(each) for each in (*first, again)]
    late, own, new = (each for each in grades if each is not None)
    assert insert_grades(database, [late, own]) == 1
    assert insert_grades(database, [new]) == 1
    assert insert_grades(database, [new]) == 0
    assert scalar(database, "SELECT count(*) FROM grade") == 2


def test_an_answer_that_ends_each_grader_is_taken_alone_and_then_given_up(
    database: Database, graders: Graders
) -> None:
    batch_id = answered(database, "4", "4")

    def dies() -> int:
        """Take answers as a grader does that is killed then."""
        taken = take_answers(database, batch_id, limit=10)
        execute(database, "UPDATE job SET grading_until = now() - interval '1 second'")
        return len(taken)

    assert [dies() for _ in range(6)] == [2, 2, 1, 1, 1, 1]
    grade_all(database, graders)
    batch = read_batch(database, Viewer.EVERYONE, batch_id)
    assert batch.num_graded == 2
    assert batch.num_given_up >= 1
    assert scalar(database, "SELECT count(*) FROM grade WHERE detail LIKE '%given up%'") >= 1


@MINUTES
def test_a_batch_graded_anew_keeps_its_grades_and_the_newest_counts(
    database: Database, graders: Graders
) -> None:
    batch_id = answered(database, "20", "30", gold="21")
    grade_all(database, graders)
    assert read_batch(database, Viewer.EVERYONE, batch_id).pass_at_1 == 0
    assert regrade_batch(database, Viewer.EVERYONE, batch_id, answers={0: "20", 1: "30"}) == 2
    assert read_batch(database, Viewer.EVERYONE, batch_id).num_ungraded == 2
    grade_all(database, graders)
    assert read_batch(database, Viewer.EVERYONE, batch_id).pass_at_1 == 1
    assert scalar(database, "SELECT count(*) FROM grade") == 4
    assert scalar(database, "SELECT count(*) FROM grade WHERE gold = '21'") == 2
    assert scalar(database, "SELECT count(*) FROM event WHERE kind = 'batch_regraded'") == 1


def test_an_answer_for_a_problem_that_is_not_there_changes_nothing(database: Database) -> None:
    batch_id = answered(database, "20", gold="21")
    with pytest.raises(InvalidField, match="nobody"):
        regrade_batch(database, Viewer.EVERYONE, batch_id, answers={0: "20", "nobody": "7"})
    assert scalar(database, "SELECT count(*) FROM problem WHERE answer = '21'") == 1


def test_a_grade_of_the_gold_answer_before_is_refused_after_it_changed(
    database: Database, graders: Graders
) -> None:
    batch_id = answered(database, "20", gold="21")
    (taken,) = take_answers(database, batch_id, limit=1)
    grade = graders.grade(taken)
    assert grade is not None
    regrade_batch(database, Viewer.EVERYONE, batch_id, answers={0: "20"})
    assert insert_grades(database, [grade]) == 0


def test_an_answer_for_a_grader_that_is_not_installed_here_waits(
    database: Database, graders: Graders
) -> None:
    batch_id = answered(database, "20", gold="20")
    regrade_batch(database, Viewer.EVERYONE, batch_id, grader="nowhere")
    assert grade_pending(database, graders, Turns()) == 0
    assert scalar(database, "SELECT num_grading_attempts FROM job") == 0
    assert read_batch(database, Viewer.EVERYONE, batch_id).num_ungraded == 1
