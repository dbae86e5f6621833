"""Whether the texts of a job's steps were deleted. Without them its numbers stay, and it cannot be continued."""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, exists, select

from specreason.store.tables.queue import job
from specreason.store.tables.trace import step, step_payload


def texts_are_gone() -> ColumnElement[bool]:
    """Condition on rows of `job`: it has steps, and no texts. The texts of a job are deleted all together."""
    first = and_(step.c.job_id == job.c.id, step.c.index == 0)
    its_text = and_(step_payload.c.job_id == job.c.id, step_payload.c.index == 0)
    return exists(select(step.c.index).where(first)) & ~exists(select(step_payload.c.index).where(its_text))
