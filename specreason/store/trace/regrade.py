"""Grades a batch's answers anew: no job runs, every grade stays, and the newest counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from uuid import UUID

from sqlalchemy import func, insert, null, select, text, update

from specreason.errors import InvalidField
from specreason.store.access.visibility import Viewer, require_batch
from specreason.store.queue.transitions import lock_jobs
from specreason.store.session import Connection, Database, transaction
from specreason.store.tables.queue import UNGRADED, batch, event, job, problem
from specreason.store.tables.states import EventKind
from specreason.submission.gold_answers import GoldAnswers
from specreason.submission.text import storable
from specreason.words import counted, shown

_SET_GOLD = text("""
    UPDATE problem SET answer = new.gold
    FROM unnest(CAST(:ids AS uuid[]), CAST(:golds AS text[])) AS new (id, gold) WHERE problem.id = new.id
""")


def regrade_batch(
    database: Database,
    viewer: Viewer,
    batch_id: UUID,
    *,
    grader: str | None = None,
    answers: GoldAnswers | None = None,
) -> int:
    """Have all answers of the batch graded by `grader`, None for the project's own; return how many.

    `answers` replace gold answers, or give problems their first; the others keep theirs. An earlier grade counts until
    the new one is there. Jobs that have not ended are graded so once they have. Raises NotFound; and InvalidField if
    `answers` do not fit the batch, and changes nothing then.
    """
    with transaction(database) as connection:
        require_batch(connection, viewer, batch_id)
        # Of two at once, one waits.
        connection.execute(select(batch.c.id).where(batch.c.id == batch_id).with_for_update(key_share=True))
        if answers is not None:
            golds = _golds(connection, batch_id, answers)
            connection.execute(_SET_GOLD, {"ids": list(golds), "golds": [*map(storable, golds.values())]})
        with_gold = select(problem.c.id).where(problem.c.batch_id == batch_id, problem.c.answer.is_not(None))
        lock_jobs(connection, job.c.batch_id == batch_id)
        anew = {"graded_at": null(), "num_grading_attempts": 0, "grading_until": null()}
        connection.execute(
            update(job)
            .where(job.c.batch_id == batch_id, job.c.problem_id.in_(with_gold))
            .values(gradable=True, grader=grader, **anew)
        )
        waiting = select(func.count()).select_from(job).where(job.c.batch_id == batch_id, text(UNGRADED))
        num_waiting = connection.execute(waiting).scalar_one()
        detail = {"grader": grader, "num_answers": 0 if answers is None else answers.count}
        connection.execute(
            insert(event).values(kind=EventKind.BATCH_REGRADED, batch_id=batch_id, detail=detail)
        )
    return num_waiting


def _golds(connection: Connection, batch_id: UUID, answers: GoldAnswers) -> Mapping[UUID, str]:
    """The new gold answer of each row of `problem`. Raises InvalidField if a name is that of none, or of several."""
    columns = (problem.c.id, problem.c.index.label("place"), problem.c.problem_id)
    of_batch = select(*columns).where(problem.c.batch_id == batch_id).order_by(problem.c.index)
    rows = connection.execute(of_batch).all()
    if answers.in_order:
        if len(answers.in_order) != len(rows):
            given = counted(len(answers.in_order), "answer")
            raise InvalidField(
                "answers", f"are {given} without ids; the batch has {counted(len(rows), 'problem')}"
            )
        return {row.id: gold for row, gold in zip(rows, answers.in_order, strict=True)}
    named: list[tuple[str | int, UUID]] = [(row.place, row.id) for row in rows]
    named += [(str(row.place) if row.problem_id is None else row.problem_id, row.id) for row in rows]
    number_of = Counter(name for name, _ in named)
    wrong = [name for name in answers.by_name if number_of[name] != 1]
    if wrong:
        number = number_of[wrong[0]]
        what = f"{number} problems of the batch have" if number else "no problem of the batch has"
        more = f", and {len(wrong) - 1} more ids do not fit" if len(wrong) > 1 else ""
        raise InvalidField("answers", f"{what} the id {shown(wrong[0])}{more}; nothing is changed")
    golds = {row_id: answers.by_name[name] for name, row_id in named if name in answers.by_name}
    if len(golds) != answers.count:
        raise InvalidField("answers", "name a problem by its id and by its index; nothing is changed")
    return golds
