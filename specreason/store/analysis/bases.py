"""The batches of the base alone that a batch may be compared with."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from specreason.config import SchemeName
from specreason.store.access.visibility import Viewer, require_batch
from specreason.store.session import Database, transaction
from specreason.store.tables.queue import batch

MOST_BASES = 25


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseBatch:
    """A batch in which the base alone ran as many problems. Whether they are the same ones, the comparison says."""

    batch_id: UUID
    name: str
    pair: str
    num_jobs: int
    created_at: datetime


def base_batches(database: Database, viewer: Viewer, batch_id: UUID) -> tuple[BaseBatch, ...]:
    """At most MOST_BASES other batches: those on the same pair first, and of these the newest. Raises NotFound."""
    ours = batch.alias("ours")
    columns = (
        batch.c.id.label("batch_id"),
        *(batch.c[name] for name in ("name", "pair", "num_jobs", "created_at")),
    )
    found = (
        select(*columns)
        .select_from(ours)
        .join(batch, (batch.c.num_problems == ours.c.num_problems) & (batch.c.id != ours.c.id))
        .where(
            ours.c.id == batch_id,
            batch.c.config["scheme"].astext == SchemeName.BASE,
            viewer.sees(batch.c.owner),
        )
        .order_by((batch.c.pair == ours.c.pair).desc(), batch.c.id.desc())
        .limit(MOST_BASES)
    )
    with transaction(database) as connection:
        require_batch(connection, viewer, batch_id)
        return tuple(BaseBatch(**row._mapping) for row in connection.execute(found))
