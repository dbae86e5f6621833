"""The page of jobs that failed or are dead, of all batches: why, and again."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse, Response

from api.deployment import Store
from api.door.access import CONTROL, READ, Viewer
from api.pages.rendering import render
from api.site.cookies import check_form
from specreason.errors import InvalidField
from specreason.store.queue.controls import requeue_job
from specreason.store.queue.requeue_kind import requeue_kind
from specreason.store.read.dead import MOST_KINDS, read_dead_jobs, read_dead_kinds

PAGE = 50
KEY = "^([0-9a-f]{32}|)$"

router = APIRouter(include_in_schema=False)


@router.get("/dead", dependencies=[READ])
def dead_page(
    request: Request,
    store: Store,
    viewer: Viewer,
    *,
    before: UUID | None = None,
    kind: Annotated[str, Query(pattern=KEY)] = "",
    queued: Annotated[int | None, Query(ge=0)] = None,
) -> Response:
    """Their errors by kind, and a page of the jobs. `queued`: so many were queued again just now."""
    page = read_dead_jobs(store, viewer, before=before, kind=kind or None, limit=PAGE)
    return render(
        request,
        "dead",
        kinds=read_dead_kinds(store, viewer),
        jobs=page.rows,
        kind=kind,
        queued=queued,
        is_later=before is not None,
        next_before=page.rows[-1].job_id if page.has_more else None,
        most_kinds=MOST_KINDS,
    )


@router.post("/dead", dependencies=[CONTROL])
def requeue(
    request: Request,
    store: Store,
    viewer: Viewer,
    *,
    job: Annotated[UUID | None, Form()] = None,
    kind: Annotated[str, Form(pattern=KEY)] = "",
    back: Annotated[str, Form(pattern=KEY)] = "",
    csrf: Annotated[str, Form(max_length=200)] = "",
) -> Response:
    """Queue one job again, or all of one kind; then back to the kind that was shown."""
    check_form(request, csrf)
    if (job is None) == (kind == ""):
        raise InvalidField("job", "give either the id of a job or the kind of an error")
    queued = int(requeue_job(store, viewer, job)) if job is not None else requeue_kind(store, viewer, kind)
    shown = {"kind": back} if back else {}
    return RedirectResponse(f"/dead?{urlencode({**shown, 'queued': queued})}", 303)
