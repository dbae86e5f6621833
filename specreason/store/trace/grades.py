"""Answers that wait for a grade, and grades. How to grade is not known here.

A grader takes answers of one batch at a time, and each is marked before it is graded: a grader that dies of an answer
leaves its mark there. Graders never wait for each other.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import (
    Boolean,
    ColumnElement,
    func,
    insert,
    literal_column,
    null,
    or_,
    select,
    text,
    tuple_,
    update,
)
from sqlalchemy.sql.functions import now
from uuid_utils.compat import uuid7

from specreason.store.queue.transitions import lock_jobs
from specreason.store.session import Connection, Database, transaction
from specreason.store.tables.columns import one_of_ids
from specreason.store.tables.queue import UNGRADED, job, problem
from specreason.store.tables.trace import grade
from specreason.submission.text import storable

# Seconds for which a grader has the answers that it has taken. If it dies, they wait for so long. A turn is shorter,
# even one with an answer that takes all the time that it may.
LEASE_S = 25
# An answer with a mark is graded alone, and so ends no other one's grader. With this many it is given up.
MOST_MARKS = 3

# One look into the index for each batch, however many of its answers wait.
_BATCHES = text(f"""
    WITH RECURSIVE waiting AS (
        (SELECT batch_id FROM job WHERE {UNGRADED} ORDER BY batch_id LIMIT 1)
        UNION ALL
        SELECT (SELECT batch_id FROM job WHERE {UNGRADED} AND batch_id > waiting.batch_id ORDER BY batch_id LIMIT 1)
        FROM waiting WHERE waiting.batch_id IS NOT NULL
    )
    SELECT batch.id, batch.owner FROM waiting JOIN batch ON batch.id = waiting.batch_id
    WHERE EXISTS (
        SELECT FROM job
        WHERE {UNGRADED} AND batch_id = batch.id AND (grading_until IS NULL OR grading_until < now())
            AND (grader IS NULL OR grader = ANY(CAST(:graders AS text[])))
    )
    ORDER BY batch.id LIMIT :most
""")  # noqa: S608 (no text of a user)


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingBatch:
    """A batch with answers that a grader may take."""

    batch_id: UUID
    owner: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class UngradedAnswer:
    """A job's extracted answer (None if the run ended without one) and the gold answer.

    `grader` is the one that a user asked for, None for the project's own. `num_marks` counts the earlier times that the
    answer was taken and got no grade. Nobody else takes it before `until`, which also proves who has it.
    """

    job_id: UUID
    answer: str | None
    gold: str
    grader: str | None
    num_marks: int
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NewGrade:
    """A grade. `grader` is the name and version of the grader, `detail` its layer and why."""

    grader: str
    is_correct: bool
    detail: str | None = None
    given_up: bool = False


def batches_to_grade(
    database: Database, *, graders: Collection[str] = (), most: int = 1000
) -> tuple[WaitingBatch, ...]:
    """At most `most` batches, oldest first, with answers for the project's own grader, or for one of `graders`."""
    with transaction(database) as connection:
        rows = connection.execute(_BATCHES, {"graders": list(graders), "most": most}).all()
    return tuple(WaitingBatch(batch_id=row.id, owner=row.owner) for row in rows)


def take_answers(
    database: Database, batch_id: UUID, *, graders: Collection[str] = (), limit: int
) -> tuple[UngradedAnswer, ...]:
    """Take and mark at most `limit` of the batch's answers that no other grader has; or one with an earlier mark."""
    free = (
        job.c.batch_id == batch_id,
        literal_column(UNGRADED, Boolean),
        or_(job.c.grading_until.is_(None), job.c.grading_until < now()),
        or_(job.c.grader.is_(None), job.c.grader.in_(graders)),
    )
    with transaction(database) as connection:
        ids = _locked(connection, [*free, job.c.num_grading_attempts == 0], limit)
        ids = ids or _locked(connection, list(free), 1)
        taken = connection.execute(
            update(job)
            .where(one_of_ids(job.c.id, ids), problem.c.id == job.c.problem_id)
            .values(
                num_grading_attempts=job.c.num_grading_attempts + 1,
                # Two graders that take the answer one after the other never have it until the same moment.
                grading_until=func.clock_timestamp() + timedelta(seconds=LEASE_S),
            )
            .returning(
                job.c.id.label("job_id"),
                job.c.answer,
                problem.c.answer.label("gold"),
                job.c.grader,
                (job.c.num_grading_attempts - 1).label("num_marks"),
                job.c.grading_until.label("until"),
            )
        )
        answers = [UngradedAnswer(**row._mapping) for row in taken]
    return tuple(sorted(answers, key=lambda answer: answer.job_id))


def give_back(database: Database, answers: Sequence[UngradedAnswer]) -> None:
    """Let others take the answers at once, and take off the marks of these times. Leaves what others have."""
    with transaction(database) as connection:
        ours = _ours(connection, answers)
        unmarked = func.greatest(job.c.num_grading_attempts - 1, 0)
        connection.execute(
            update(job)
            .where(one_of_ids(job.c.id, ours))
            .values(grading_until=null(), num_grading_attempts=unmarked)
        )


def insert_grades(database: Database, grades: Sequence[tuple[UngradedAnswer, NewGrade]]) -> int:
    """Add the grades of answers that are still with who took them; return how many these are.

    The others were taken by another grader meanwhile, or are to be graded anew.
    """
    with transaction(database) as connection:
        ours = frozenset(_ours(connection, [answer for answer, _ in grades]))
        rows = [_row(answer, new) for answer, new in grades if answer.job_id in ours]
        if rows:
            graded = update(job).where(one_of_ids(job.c.id, ours))
            connection.execute(graded.values(graded_at=now(), grading_until=null()))
            connection.execute(insert(grade), rows)
    return len(rows)


def _locked(connection: Connection, which: Sequence[ColumnElement[bool]], limit: int) -> tuple[UUID, ...]:
    rows = select(job.c.id).where(*which).order_by(job.c.id).limit(limit)
    return tuple(connection.scalars(rows.with_for_update(skip_locked=True)))


def _ours(connection: Connection, answers: Sequence[UngradedAnswer]) -> tuple[UUID, ...]:
    """Lock the jobs of those answers that are as they were taken."""
    as_taken = tuple_(job.c.id, job.c.grading_until).in_([(each.job_id, each.until) for each in answers])
    return lock_jobs(connection, as_taken & job.c.graded_at.is_(None))


def _row(answer: UngradedAnswer, new: NewGrade) -> dict[str, object]:
    return {
        "id": uuid7(),
        "job_id": answer.job_id,
        "grader": storable(new.grader),
        "answer": answer.answer,
        "gold": answer.gold,
        "is_correct": new.is_correct,
        "detail": None if new.detail is None else storable(new.detail),
        "given_up": new.given_up,
    }
