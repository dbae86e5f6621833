"""Answers that wait for a grade, and grades. How to grade is not known here.

A grader takes answers of one batch at a time, and each is marked before it is graded: a grader that dies of an answer
has left its mark there. Graders never wait for each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, insert, null, select, text, tuple_, update
from sqlalchemy.sql.functions import now
from uuid_utils.compat import uuid7

from specreason.store.session import Database, transaction
from specreason.store.tables.queue import job, problem
from specreason.store.tables.states import JobState
from specreason.store.tables.trace import grade
from specreason.submission.text import storable

# How long a grader has the answers that it has taken.
LEASE_S = 300
# Of an answer that graders did not survive: after so many marks it is graded alone, and given up.
ALONE_AFTER, GIVEN_UP_AFTER = 2, 4

_WAITING = (
    job.c.gradable,
    job.c.state == JobState.SUCCEEDED,
    job.c.graded_at.is_(None),
    func.coalesce(job.c.grading_until < now(), True),
)
# One look into the index for each batch, however many of its answers wait.
_BATCHES = text("""
    WITH RECURSIVE waiting AS (
        (SELECT batch_id FROM job WHERE gradable AND state = 'succeeded' AND graded_at IS NULL
         ORDER BY batch_id LIMIT 1)
        UNION ALL
        SELECT (SELECT batch_id FROM job WHERE gradable AND state = 'succeeded' AND graded_at IS NULL
                AND batch_id > waiting.batch_id ORDER BY batch_id LIMIT 1)
        FROM waiting WHERE waiting.batch_id IS NOT NULL
    )
    SELECT batch_id FROM waiting WHERE batch_id IS NOT NULL LIMIT :most
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class UngradedAnswer:
    """A job's extracted answer (None if the run ended without one) and the gold answer.

    `grader` is the name of the one that a user asked for. `num_attempts` counts this one, too. `until` says when other
    graders may take the answer, and is the proof of who has it.
    """

    job_id: UUID
    answer: str | None
    gold: str
    grader: str | None = None
    num_attempts: int = 1
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewGrade:
    """A grade. `grader` is the name and version of the grader, `gold` what it compared the answer with.

    `until` is that of the answer as it was taken; None for a grade that nobody waits for.
    """

    job_id: UUID
    grader: str
    answer: str | None
    is_correct: bool
    detail: str | None = None
    gold: str | None = None
    given_up: bool = False
    until: datetime | None = None


def batches_to_grade(database: Database, *, most: int = 1000) -> tuple[UUID, ...]:
    """The batches that have answers without a grade, oldest first."""
    with transaction(database) as connection:
        return tuple(connection.scalars(_BATCHES, {"most": most}))


def take_answers(database: Database, batch_id: UUID, *, limit: int) -> tuple[UngradedAnswer, ...]:
    """Take answers of the batch that no other grader has, and mark them.

    An answer that graders did not survive is taken alone, so that it can take no other one with it.
    """
    with transaction(database) as connection:
        rows = connection.execute(
            select(job.c.id, job.c.num_grading_attempts)
            .where(job.c.batch_id == batch_id, *_WAITING)
            .order_by(job.c.finished_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
        ).all()
        risky = [row.id for row in rows if row.num_grading_attempts >= ALONE_AFTER]
        taken = [row.id for row in rows if row.num_grading_attempts < ALONE_AFTER] or risky[:1]
        marked = connection.execute(
            update(job)
            .where(job.c.id.in_(taken), problem.c.id == job.c.problem_id)
            .values(
                num_grading_attempts=job.c.num_grading_attempts + 1,
                grading_until=now() + text(f"interval '{LEASE_S} seconds'"),
            )
            .returning(
                job.c.id,
                job.c.answer,
                problem.c.answer.label("gold"),
                job.c.grader,
                job.c.num_grading_attempts,
                job.c.grading_until,
            )
        ).all()
    return tuple(
        UngradedAnswer(
            job_id=row.id,
            answer=row.answer,
            gold=row.gold,
            grader=row.grader,
            num_attempts=row.num_grading_attempts,
            until=row.grading_until,
        )
        for row in marked
    )


def give_back(database: Database, job_ids: Sequence[UUID]) -> None:
    """Let other graders take the answers, and take the marks off them."""
    with transaction(database) as connection:
        connection.execute(
            update(job)
            .where(job.c.id.in_(job_ids), job.c.graded_at.is_(None))
            .values(
                grading_until=null(), num_grading_attempts=func.greatest(job.c.num_grading_attempts - 1, 0)
            )
        )


def insert_grades(database: Database, grades: Sequence[NewGrade]) -> int:
    """Add the grades of answers that are still taken by who took them; return how many there were.

    None for a job that another grader has taken meanwhile, that is to be graded anew, or that is queued again.
    """
    ours = [tuple_(job.c.id, job.c.grading_until).in_([(each.job_id, each.until) for each in grades])]
    with transaction(database) as connection:
        waiting = set(
            connection.scalars(
                update(job)
                .where(*ours, job.c.state == JobState.SUCCEEDED, job.c.graded_at.is_(None))
                .values(graded_at=now(), grading_until=null())
                .returning(job.c.id)
            )
        )
        rows = [_row(each) for each in grades if each.job_id in waiting]
        if rows:
            connection.execute(insert(grade), rows)
    return len(rows)


def insert_grade(database: Database, new: NewGrade) -> None:
    """Add a grade that nobody waits for; the newest of a job counts."""
    with transaction(database) as connection:
        connection.execute(update(job).where(job.c.id == new.job_id).values(graded_at=now()))
        connection.execute(insert(grade), [_row(new)])


def _row(new: NewGrade) -> dict[str, object]:
    return {
        "id": uuid7(),
        "job_id": new.job_id,
        "grader": new.grader,
        "answer": storable(new.answer) if new.answer is not None else None,
        "is_correct": new.is_correct,
        "detail": storable(new.detail) if new.detail is not None else None,
        "gold": new.gold,
        "given_up": new.given_up,
    }
