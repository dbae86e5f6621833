"""Which batches a page of a list has."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Select, exists, select

from specreason.store.access.visibility import Viewer
from specreason.store.tables.columns import is_called, is_of_eval
from specreason.store.tables.queue import batch, job
from specreason.store.tables.states import OPEN
from specreason.submission.text import storable


def ids_of_page(
    viewer: Viewer,
    *,
    before: UUID | None = None,
    limit: int = 50,
    is_open: bool | None = None,
    name: str | None = None,
    ref: str | None = None,
    eval_name: str | None = None,
    pair: str | None = None,
) -> Select[Any]:
    """The ids of a page of batches, newest first: at most `limit`, submitted before the batch `before`.

    `is_open`: only batches with a job that has not ended (True), or without one (False). `name`: only batches whose
    name contains it, in any case of letters. `ref`: only those that are called so, as `is_called` says. `eval_name`:
    only those of this evaluation. `pair`: only those on this pair.
    """
    page = select(batch.c.id).where(viewer.sees(batch.c.owner)).order_by(batch.c.id.desc()).limit(limit)
    if before is not None:
        page = page.where(batch.c.id < before)
    if name is not None:
        page = page.where(batch.c.name.icontains(storable(name), autoescape=True))
    if ref is not None:
        page = page.where(is_called(batch.c.id, batch.c.name, storable(ref)))
    if eval_name is not None:
        page = page.where(is_of_eval(batch.c.metadata, storable(eval_name)))
    if pair is not None:
        page = page.where(batch.c.pair == storable(pair))
    if is_open is not None:
        unended = exists().where(job.c.batch_id == batch.c.id, job.c.state.in_(OPEN))
        page = page.where(unended if is_open else ~unended)
    return page
