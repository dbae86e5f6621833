"""Grades in this process, without helpers, for tests of what grades make of a batch."""

from __future__ import annotations

from uuid import UUID

from specreason.grading.graders import load_grader
from specreason.store.queue.jobs import JobResult, finish
from specreason.store.session import Database
from specreason.store.tables.states import JobState
from specreason.store.trace.grades import (
    NewGrade,
    UngradedAnswer,
    batches_to_grade,
    insert_grades,
    take_answers,
)
from tests.support.store.builders import claimed, job_ids, start_worker, submit
from tests.support.store.sql import execute
from worker.grader import Graders, Turns, grade_pending


class QuickGraders(Graders):
    """The project's own grader, without bounds."""

    def grade(self, answer: UngradedAnswer) -> NewGrade:
        verdict = load_grader(None)(answer.answer, answer.gold)
        return NewGrade(
            grader="quick 1", is_correct=verdict.is_correct, detail=f"{verdict.layer}: {verdict.why}"
        )


def grade_all(database: Database) -> None:
    """Grade every answer that waits."""
    turns, graders = Turns(), QuickGraders()
    while grade_pending(database, graders, turns):
        pass


def answered(database: Database, *answers: str | None, gold: str | None = "4") -> UUID:
    """A batch whose jobs have succeeded with these answers."""
    worker_id = start_worker(database)
    batch_id = submit(database, len(answers), gold=gold)
    for job_id, answer in zip(job_ids(database, batch_id), answers, strict=True):
        job = claimed(database, job_id, worker_id)
        assert finish(database, job, JobResult(state=JobState.SUCCEEDED, answer=answer))
    return batch_id


def let_leases_run_out(database: Database) -> None:
    execute(database, "UPDATE job SET grading_until = now() - interval '1 s' WHERE grading_until IS NOT NULL")


def waiting_in(database: Database) -> tuple[UngradedAnswer, ...]:
    """Take every answer that waits for a grade, as a grader does."""
    return tuple(
        taken
        for batch in batches_to_grade(database)
        for taken in take_answers(database, batch.batch_id, limit=1000)
    )


def give(
    database: Database,
    answer: UngradedAnswer,
    *,
    is_correct: bool,
    grader: str = "exact 1",
    given_up: bool = False,
) -> bool:
    """Grade an answer that was taken; whether that counted."""
    new = NewGrade(grader=grader, is_correct=is_correct, detail="test: given by hand", given_up=given_up)
    return insert_grades(database, [(answer, new)]) == 1
