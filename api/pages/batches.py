"""The page of all batches: what runs, how far it is, and what it found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse, Response

from api.analysis.prices import GpuHourPrice
from api.deployment import Pairs, Store
from api.door.access import CONTROL, READ, Viewer
from api.pages.rendering import is_htmx, render
from api.site.cookies import check_form
from specreason.evaluation.cost import Cost, cost_of_batch
from specreason.evaluation.pace import left_in_words, rate_in_words
from specreason.store.queue import controls
from specreason.store.read.batches.counts import BatchCounts, list_counts, read_pace
from specreason.store.read.summaries import BatchSummary, read_batches
from specreason.store.session import Database

PAGE = 25
# Sums over so many jobs still come with the first paint.
MOST_JOBS_AT_ONCE = 5_000
# Between two looks at batches of which one runs, without and with sums over more jobs than that.
FOLLOW_S, FOLLOW_MANY_S = 3, 15

router = APIRouter(include_in_schema=False)


class Action(StrEnum):
    """What a viewer may do to a batch from the list."""

    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"


CONTROLS = {
    Action.PAUSE: controls.pause_batch,
    Action.RESUME: controls.resume_batch,
    Action.CANCEL: controls.cancel_batch,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A batch in the list. `rate` and `left` are words, empty where they are not known or nothing runs.

    `sums` is None where the list does not have them yet.
    """

    batch: BatchCounts
    sums: BatchSummary | None
    cost: Cost | None
    rate: str
    left: str


@router.get("/", dependencies=[READ])
def batches_page(
    request: Request,
    store: Store,
    viewer: Viewer,
    pairs: Pairs,
    *,
    before: UUID | None = None,
    open: Annotated[str, Query(pattern="^(true|false|)$")] = "",
    name: Annotated[str, Query(max_length=200)] = "",
    pair: Annotated[str, Query(max_length=200)] = "",
    eval_name: Annotated[str, Query(alias="eval", max_length=200)] = "",
    figures: bool = False,
    price: GpuHourPrice,
) -> Response:
    """Newest first, a page at a time. The filters stand in the URL. htmx gets the list alone.

    Sums over very many jobs take long: the page then shows the counts, and `figures` asks for the sums, too.
    """
    found = list_counts(
        store,
        viewer,
        before=before,
        limit=PAGE,
        is_open={"true": True, "false": False}.get(open),
        name=name or None,
        pair=pair or None,
        eval_name=eval_name or None,
    )
    given = {"open": open, "name": name, "pair": pair, "eval": eval_name}
    filters = {key: value for key, value in given.items() if value}
    has_many = sum(each.num_jobs for each in found) > MOST_JOBS_AT_ONCE
    has_sums = figures or not has_many
    sums = read_batches(store, viewer, [each.batch_id for each in found]) if has_sums else ()
    rows = tuple(_rows(store, viewer, found, {each.batch_id: each for each in sums}, price))
    here = filters | ({"before": str(before)} if before else {})
    runs = any(each.num_open for each in found)
    values: dict[str, Any] = {
        "rows": rows,
        "filters": filters,
        "here": "/?" + urlencode(here),
        "with_figures": "/?" + urlencode(here | {"figures": "true"}),
        "has_sums": has_sums,
        "has_many": has_many,
        "next_before": found[-1].batch_id if len(found) == PAGE else None,
        "follow_s": (FOLLOW_MANY_S if has_many else FOLLOW_S) if runs else None,
    }
    if is_htmx(request):
        return render(request, "batches/list", **values)
    is_first_visit = not rows and not filters and before is None
    choices = sorted({*pairs, *({pair} if pair else ())})
    return render(request, "batches", pairs=choices, is_first_visit=is_first_visit, **values)


@router.post("/", dependencies=[CONTROL])
def control_batch(
    request: Request,
    store: Store,
    viewer: Viewer,
    *,
    batch: Annotated[UUID, Form()],
    act: Annotated[Action, Form()],
    back: Annotated[str, Form(max_length=2000)] = "/",
    csrf: Annotated[str, Form(max_length=200)] = "",
) -> Response:
    """Pause a batch, resume or cancel it; then back to the list as it was."""
    check_form(request, csrf)
    CONTROLS[act](store, viewer, batch)
    return RedirectResponse(back if back.startswith("/?") else "/", 303)


def _rows(
    store: Database,
    viewer: Viewer,
    batches: Iterable[BatchCounts],
    sums: Mapping[UUID, BatchSummary],
    price: float | None,
) -> Iterable[Row]:
    for each in batches:
        of_batch = sums.get(each.batch_id)
        pace = read_pace(store, viewer, each.batch_id) if each.num_running else None
        rate = pace.per_s if pace else 0.0
        yield Row(
            batch=each,
            sums=of_batch,
            cost=cost_of_batch(of_batch, price) if of_batch else None,
            rate=rate_in_words(rate),
            left=left_in_words(rate, each.num_open),
        )
