"""Where a job stands in its batch: the jobs beside it, and the configuration that they share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select

from specreason.store.access.visibility import Viewer, require_job
from specreason.store.session import Database, transaction
from specreason.store.tables.queue import batch, job


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbours:
    """The jobs before and behind one, in the order of submission; None at an end. `config` is the batch's."""

    before: UUID | None
    behind: UUID | None
    config: Mapping[str, Any]


def read_neighbours(database: Database, viewer: Viewer, job_id: UUID) -> Neighbours:
    """The neighbours of a job in its batch. Raises NotFound."""
    batch_id = select(job.c.batch_id).where(job.c.id == job_id).scalar_subquery()
    of_batch = select(job.c.id).where(job.c.batch_id == batch_id).limit(1)
    before = of_batch.where(job.c.id < job_id).order_by(job.c.id.desc()).scalar_subquery()
    behind = of_batch.where(job.c.id > job_id).order_by(job.c.id).scalar_subquery()
    found = select(before.label("before"), behind.label("behind"), batch.c.config).where(
        batch.c.id == batch_id
    )
    with transaction(database) as connection:
        require_job(connection, viewer, job_id)
        row = connection.execute(found).one()
    return Neighbours(before=row.before, behind=row.behind, config=row.config)
