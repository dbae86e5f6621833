"""The page of all batches: what runs, how far it is, and what it found."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from api.deployment import Store
from api.door.access import READ, Viewer
from api.pages.rendering import render
from specreason.store.read.batches.counts import list_counts
from specreason.store.read.summaries import read_batches

PAGE = 25
# Sums over so many jobs still come with the first paint.
MOST_JOBS_AT_ONCE = 5_000

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
    figures: bool = False,
) -> Response:
    """Newest first, a page at a time. The filters stand in the URL.

    Sums over very many jobs take long: the page then shows the counts, and `figures` asks for the sums, too.
    """
    rows = list_counts(store, viewer, before=before, limit=PAGE, is_open=open, name=name or None)
    has_sums = figures or sum(row.num_jobs for row in rows) <= MOST_JOBS_AT_ONCE
    sums = read_batches(store, viewer, [row.batch_id for row in rows]) if has_sums else ()
    return render(
        request,
        "batches",
        batches=rows,
        sums={each.batch_id: each for each in sums},
        has_sums=has_sums,
        before=before,
        next_before=rows[-1].batch_id if len(rows) == PAGE else None,
        open=open,
        name=name,
    )
