"""The page that compares two batches, problem by problem."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from api.analysis.prices import GpuHourPrice
from api.deployment import Store
from api.door.access import READ, Viewer
from api.pages.compare.figures import figure_rows, outcome_bars, ratio_said
from api.pages.rendering import render
from api.requests.counted import LONG
from specreason.errors import InputError, NotFound
from specreason.evaluation.comparison.values import Outcome
from specreason.store.access.visibility import Viewer as StoreViewer
from specreason.store.analysis.comparison import compare_batches, compared_pairs
from specreason.store.read.names import list_names
from specreason.store.session import Database

PAGE = 50
# What B did on a problem, as a reader says it.
SAID = {
    Outcome.WON: "B is right more often",
    Outcome.LOST: "A is right more often",
    Outcome.TIED: "both alike",
    Outcome.UNGRADED: "not graded in both",
}

router = APIRouter(include_in_schema=False, dependencies=[READ, LONG])


@router.get("/compare")
def compare_page(
    request: Request,
    store: Store,
    viewer: Viewer,
    *,
    a: UUID | Annotated[str, Query(max_length=0)] = "",
    b: UUID | Annotated[str, Query(max_length=0)] = "",
    name: Annotated[str, Query(max_length=200)] = "",
    outcome: Outcome | None = None,
    after: UUID | None = None,
    k: Annotated[int | None, Query(ge=1, le=1024)] = None,
    price: GpuHourPrice,
) -> Response:
    """Two lists to pick from; with both picked, the comparison and a page of its problems."""
    chosen = tuple(each for each in (a, b) if isinstance(each, UUID))
    values: dict[str, Any] = {
        "names": list_names(store, viewer, name=name or None, also=chosen),
        "a": a or None,
        "b": b or None,
        "name": name,
        "found": None,
        "error": None,
    }
    status = 200
    if isinstance(a, UUID) and isinstance(b, UUID):
        try:
            values |= _found(store, viewer, a, b, outcome=outcome, after=after, k=k, price=price)
        except NotFound:
            raise
        except InputError as error:
            status, values["error"] = 422, str(error)
    return render(request, "compare/page", status=status, **values)


def _found(
    store: Database,
    viewer: StoreViewer,
    a: UUID,
    b: UUID,
    *,
    outcome: Outcome | None,
    after: UUID | None,
    k: int | None,
    price: float | None,
) -> dict[str, Any]:
    found = compare_batches(store, viewer, a, b, k=k, gpu_hour_price=price)
    page = compared_pairs(
        store, viewer, a, b, outcomes=() if outcome is None else (outcome,), after=after, limit=PAGE
    )
    return {
        "found": found,
        "figures": figure_rows(found.figures, found.k),
        "speedup": ratio_said(found.figures.speedup),
        "bars": outcome_bars(found.outcomes),
        "pairs": page.rows,
        "next_after": page.rows[-1].job_a if page.has_more else None,
        "is_later": after is not None,
        "outcome": outcome,
        "SAID": SAID,
    }
