"""What the page of a batch does to it: each form leads back to the page, which says what was done."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse

from api.deployment import Store
from api.door.access import CONTROL, Viewer
from api.site.cookies import check_form
from specreason.store.queue import controls
from specreason.store.tables.states import JobState

router = APIRouter(include_in_schema=False, prefix="/batches/{batch_id}", dependencies=[CONTROL])

Token = Annotated[str, Form(max_length=200)]


@router.post("/cancel")
def cancel(
    request: Request, store: Store, viewer: Viewer, batch_id: UUID, *, csrf: Token = ""
) -> RedirectResponse:
    check_form(request, csrf)
    return _back(batch_id, "cancel", controls.cancel_batch(store, viewer, batch_id))


@router.post("/pause")
def pause(
    request: Request, store: Store, viewer: Viewer, batch_id: UUID, *, csrf: Token = ""
) -> RedirectResponse:
    check_form(request, csrf)
    return _back(batch_id, "pause", controls.pause_batch(store, viewer, batch_id))


@router.post("/resume")
def resume(
    request: Request, store: Store, viewer: Viewer, batch_id: UUID, *, csrf: Token = ""
) -> RedirectResponse:
    check_form(request, csrf)
    return _back(batch_id, "resume", controls.resume_batch(store, viewer, batch_id))


@router.post("/requeue")
def requeue(
    request: Request,
    store: Store,
    viewer: Viewer,
    batch_id: UUID,
    *,
    states: Annotated[tuple[JobState, ...], Form(max_length=len(JobState))] = (),
    csrf: Token = "",
) -> RedirectResponse:
    """Queue jobs that ended in one of these states again."""
    check_form(request, csrf)
    return _back(batch_id, "requeue", controls.requeue_batch(store, viewer, batch_id, states))


@router.post("/priority")
def set_priority(
    request: Request,
    store: Store,
    viewer: Viewer,
    batch_id: UUID,
    *,
    priority: Annotated[int, Form(ge=-100, le=100)],
    csrf: Token = "",
) -> RedirectResponse:
    check_form(request, csrf)
    return _back(batch_id, "priority", controls.set_batch_priority(store, viewer, batch_id, priority))


def _back(batch_id: UUID, did: str, changed: int) -> RedirectResponse:
    """The page of the batch, which says what was done."""
    return RedirectResponse(f"/batches/{batch_id}?{urlencode({'did': did, 'changed': int(changed)})}", 303)
