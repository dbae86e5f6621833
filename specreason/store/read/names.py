"""The names of batches, for lists to pick from. No job is looked at."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from specreason.store.access.visibility import Viewer
from specreason.store.read.batches.listing import ids_of_page
from specreason.store.session import Database, transaction
from specreason.store.tables.columns import one_of_ids
from specreason.store.tables.queue import batch


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchName:
    """What tells a batch from others."""

    batch_id: UUID
    name: str
    pair: str
    scheme: str
    num_problems: int
    created_at: datetime


def list_names(
    database: Database,
    viewer: Viewer,
    *,
    limit: int = 200,
    name: str | None = None,
    also: Collection[UUID] = (),
) -> tuple[BatchName, ...]:
    """The newest batches whose name contains `name`, at most `limit`, and those of `also` that the viewer sees."""
    newest = ids_of_page(viewer, limit=limit, name=name).subquery()
    wanted = batch.c.id.in_(select(newest.c.id)) | one_of_ids(batch.c.id, also)
    rows = select(
        batch.c.id.label("batch_id"),
        batch.c.name,
        batch.c.pair,
        batch.c.config["scheme"].astext.label("scheme"),
        batch.c.num_problems,
        batch.c.created_at,
    ).where(wanted, viewer.sees(batch.c.owner))
    with transaction(database) as connection:
        found = connection.execute(rows.order_by(batch.c.id.desc()))
        return tuple(BatchName(**row._mapping) for row in found)
