"""Retention over HTTP, for administrators: deletes the texts of old jobs, a portion with each request."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from pydantic import Field

from api.answers.tags import Tag
from api.deployment import Store
from api.door.access import ADMIN, Viewer
from specreason.store.trace.retention import Pruned, prune_texts
from specreason.validation import ClosedModel

router = APIRouter(prefix="/api", dependencies=[ADMIN])


class PruneBody(ClosedModel):
    """Which texts: those of jobs that ended more than `older_than_s` seconds ago, of all batches or of one.

    `after` is `next` of the portion before. With `dry_run` nothing is deleted.
    """

    older_than_s: Annotated[float, Field(ge=0, le=1e10, allow_inf_nan=False)]
    batch_id: UUID | None = None
    after: UUID | None = None
    dry_run: bool = False


@router.post("/prune", tags=[Tag.DEPLOYMENT], summary="Delete texts of old jobs", responses={404: {}})
def prune(store: Store, viewer: Viewer, body: PruneBody) -> Pruned:
    """Delete texts and token ids of steps, for about a second; go on with `next` until it is null.

    Numbers, decisions, grades, answers and problems stay. Jobs without texts cannot be queued again.
    """
    return prune_texts(
        store,
        viewer,
        older_than_s=body.older_than_s,
        batch_id=body.batch_id,
        after=body.after,
        dry_run=body.dry_run,
    )
