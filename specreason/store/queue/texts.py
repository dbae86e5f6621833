"""Whether the texts of a job's steps were deleted. Without them its numbers stay, and it cannot be continued."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import ColumnElement, and_, exists, select

from specreason.errors import InputError
from specreason.store.session import Connection
from specreason.store.tables.queue import batch, job
from specreason.store.tables.trace import step, step_payload


def texts_are_gone() -> ColumnElement[bool]:
    """Condition on rows of `job`: it has steps, and no texts. The texts of a job are deleted all together."""
    first = and_(step.c.job_id == job.c.id, step.c.index == 0)
    its_text = and_(step_payload.c.job_id == job.c.id, step_payload.c.index == 0)
    return exists(select(step.c.index).where(first)) & ~exists(select(step_payload.c.index).where(its_text))


def refuse_without_texts(
    connection: Connection, batch_id: UUID, which: ColumnElement[bool], *, num_left: int
) -> None:
    """Raise InputError if all the chosen jobs lack their texts, or if result files would lose texts.

    Jobs without texts among others are left as they are.
    """
    gone = select(job.c.id).where(which, texts_are_gone()).limit(1)
    if not num_left and connection.scalar(gone) is not None:
        raise InputError(
            "texts: those of these jobs' steps were deleted, and a job cannot continue without them; "
            "submit the problems again"
        )
    in_files = (job.c.batch_id == batch_id) & batch.c.openai_batch_id.is_not(None)
    without = select(job.c.id).join(batch, batch.c.id == job.c.batch_id).where(in_files, texts_are_gone())
    if num_left and connection.scalar(without.limit(1)) is not None:
        raise InputError(
            "texts: those of some jobs of this OpenAI batch were deleted, and its result files would lose them; "
            "submit the lines again"
        )
