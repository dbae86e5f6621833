"""The page of workers: which are alive, what they run, and which have gone."""

from __future__ import annotations

from datetime import UTC, datetime

from fastapi import APIRouter, Request
from fastapi.responses import Response

from api.deployment import Store
from api.door.access import READ
from api.pages.rendering import is_htmx, render
from specreason.store.read.load import current_load
from specreason.store.read.workers import list_workers

MOST = 100
FOLLOW_S = 3

router = APIRouter(include_in_schema=False, dependencies=[READ])


@router.get("/workers")
def workers_page(request: Request, store: Store) -> Response:
    """Live workers first, then the newest of the others. htmx gets the list alone."""
    load = current_load(store)
    return render(
        request,
        "workers/list" if is_htmx(request) else "workers/page",
        workers=list_workers(store, limit=MOST),
        load=load,
        slots=sum(worker.slots for worker in load.workers),
        now=datetime.now(UTC),
        follow_s=FOLLOW_S,
        most=MOST,
    )
