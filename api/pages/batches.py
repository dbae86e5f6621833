"""The page of all batches: what runs, how far it is, and what it found."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from api.deployment import Store
from api.door.access import READ, Viewer
from api.pages.rendering import render
from specreason.store.read.summaries import list_batches

PAGE = 25

router = APIRouter(include_in_schema=False, dependencies=[READ])


@router.get("/")
def batches_page(
    request: Request,
    store: Store,
    viewer: Viewer,
    *,
    before: UUID | None = None,
    open: Annotated[bool | None, Query()] = None,
    name: Annotated[str, Query(max_length=200)] = "",
) -> Response:
    """Newest first, a page at a time. The filters stand in the URL."""
    rows = list_batches(store, viewer, before=before, limit=PAGE, is_open=open, name=name or None)
    next_before = rows[-1].batch_id if len(rows) == PAGE else None
    return render(request, "batches", batches=rows, next_before=next_before, open=open, name=name)
