"""Grades a batch's answers anew: no job runs, every grade stays, and the newest counts."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from sqlalchemy import bindparam, insert, null, select, update

from specreason.errors import InvalidField
from specreason.store.access.visibility import Viewer, require_batch
from specreason.store.session import Connection, Database, transaction
from specreason.store.tables.queue import batch, event, job, problem
from specreason.store.tables.states import EventKind, JobState
from specreason.submission.text import storable
from specreason.words import counted, shown


def regrade_batch(
    database: Database,
    viewer: Viewer,
    batch_id: UUID,
    *,
    grader: str | None = None,
    answers: Mapping[str | int, str] | None = None,
) -> int:
    """Have the batch's answers graded by `grader` (None: the project's own); return how many answers wait for that.

    `answers` are new gold answers by the problem's own id, or by its index; then only those problems are graded anew.
    Jobs that have not ended are graded so once they have. Raises NotFound, and InvalidField for an id that the batch
    does not have; then nothing is changed.
    """
    of_batch = job.c.batch_id == batch_id
    with transaction(database) as connection:
        require_batch(connection, viewer, batch_id)
        # Two regrades of one batch take turns.
        connection.execute(select(batch.c.id).where(batch.c.id == batch_id).with_for_update(key_share=True))
        if answers is not None:
            rows = _problem_rows(connection, batch_id, answers)
            connection.execute(
                update(problem).where(problem.c.id == bindparam("row")).values(answer=bindparam("gold")),
                [{"row": row, "gold": gold} for row, gold in rows.items()],
            )
            of_batch &= job.c.problem_id.in_(rows)
            connection.execute(update(job).where(of_batch).values(gradable=True))
        waiting = connection.execute(
            update(job)
            .where(of_batch, job.c.gradable)
            .values(graded_at=null(), grader=grader, num_grading_attempts=0, grading_until=null())
            .returning(job.c.state)
        ).all()
        detail = {"grader": grader, "num_answers": None if answers is None else len(answers)}
        connection.execute(
            insert(event).values(kind=EventKind.BATCH_REGRADED, batch_id=batch_id, detail=detail)
        )
    return sum(row.state == JobState.SUCCEEDED for row in waiting)


def _problem_rows(
    connection: Connection, batch_id: UUID, answers: Mapping[str | int, str]
) -> dict[UUID, str]:
    """The gold answer of each row of `problem`. Raises InvalidField for ids that the batch does not have."""
    found: dict[UUID, str] = {}
    known: set[str | int] = set()
    problems = select(problem.c.id, problem.c.index, problem.c.problem_id).where(
        problem.c.batch_id == batch_id
    )
    for row in connection.execute(problems):
        for name in (row.problem_id, row.index):
            if name is not None and name in answers:
                known.add(name)
                found.setdefault(row.id, storable(answers[name]))
    if unknown := [name for name in answers if name not in known]:
        more = f" and {len(unknown) - 1} more" if len(unknown) > 1 else ""
        raise InvalidField("answers", f"the batch has no problem {shown(unknown[0])}{more}")
    if not answers:
        raise InvalidField("answers", f"has {counted(0, 'answer')}")
    return found
