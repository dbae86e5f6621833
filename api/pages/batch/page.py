"""The page of a batch, and the parts of it that are loaded later.

What takes long is loaded when it comes into view; without JavaScript a link loads it with the page. A batch that runs
is followed by asking for its head again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

from api.deployment import Store, deployment_of
from api.door.access import READ, Viewer
from api.pages.batch.head import head_of
from api.pages.batch.jobs import found_of, jobs_of
from api.pages.batch.sections import MOST_JOBS_AT_ONCE, beside_of, figures_of, judge_of, sums_of
from api.pages.batch.words import done_in_words
from api.pages.rendering import render
from api.requests.counted import Kind, counted
from api.requests.job_filters import KNOWN, WhichJobs
from specreason.config import SchemeName
from specreason.errors import ExtraMissing, InvalidField, LimitReached, StoreUnavailable
from specreason.store.analysis.bases import base_batches
from specreason.store.read.errors import read_error_kinds

LONGEST_QUERY = 500
RETRY_S = 3  # before a part that was refused is asked for again

router = APIRouter(include_in_schema=False, dependencies=[READ])

Against = Annotated[UUID | None, KNOWN, Query()]
Words = Annotated[str, Query(max_length=LONGEST_QUERY)]


async def _counted_if_long(
    request: Request, figures: bool = False, against: Against = None, find: Words = ""
) -> AsyncIterator[None]:
    """Count the page among long reads while it has a part that is one. Raises LimitReached."""
    if figures:
        async with counted(request, "judgements"):
            yield
    elif against is not None or find:
        async with counted(request, "long_reads"):
            yield
    else:
        yield


@router.get("/batches/{batch_id}", dependencies=[Depends(_counted_if_long)])
def batch_page(
    request: Request,
    store: Store,
    viewer: Viewer,
    batch_id: UUID,
    *,
    which: WhichJobs,
    after: Annotated[UUID | None, KNOWN, Query()] = None,
    figures: bool = False,
    against: Against = None,
    find: Words = "",
    find_after: Annotated[str | None, Query(max_length=60)] = None,
    drafts: bool = False,
    did: Annotated[str | None, Query(max_length=20)] = None,
    changed: Annotated[int, Query(ge=0)] = 0,
) -> Response:
    """The batch, and a page of its jobs. `figures` and `against` add the parts that take long, `find` a search."""
    head = head_of(store, viewer, batch_id)
    batch, price = head["batch"], deployment_of(request).settings.gpu_hour_price
    is_base = batch.scheme == SchemeName.BASE
    sums: dict[str, Any] = {"sums": None, "sums_s": None}
    if batch.num_jobs <= MOST_JOBS_AT_ONCE:
        sums = sums_of(store, viewer, batch_id, price)
    return render(
        request,
        "batch/page",
        **head,
        **sums,
        **(
            _figures(store, viewer, batch_id)
            if figures
            else {"figures": None, "judgement": None, "refused": None}
        ),
        **(
            beside_of(store, viewer, batch_id, against, price)
            if against is not None
            else {"comparison": None, "other": None, "why_not": None, "beside": ()}
        ),
        **jobs_of(request, store, viewer, batch_id, which=which, after=after),
        **_found(store, viewer, batch_id, find, drafts=drafts, after=find_after),
        bases=() if is_base else base_batches(store, viewer, batch_id),
        is_base=is_base,
        errors=read_error_kinds(store, viewer, batch_id) if batch.num_ended > batch.num_succeeded else (),
        done=done_in_words(did, changed),
    )


@router.get("/batches/{batch_id}/head")
def batch_head(request: Request, store: Store, viewer: Viewer, batch_id: UUID) -> Response:
    """What changes while the batch runs: a part of the page."""
    return render(request, "batch/head", **head_of(store, viewer, batch_id))


@router.get("/batches/{batch_id}/sums")
def batch_sums(request: Request, store: Store, viewer: Viewer, batch_id: UUID) -> Response:
    """What the ended jobs amount to: a part of the page."""
    price = deployment_of(request).settings.gpu_hour_price
    return render(request, "batch/sums", batch_id=batch_id, **sums_of(store, viewer, batch_id, price))


@router.get("/batches/{batch_id}/figures")
async def batch_figures(request: Request, store: Store, viewer: Viewer, batch_id: UUID) -> Response:
    """The figures with their intervals: a part of the page."""
    return await _part(request, "figures", "judgements", lambda: figures_of(store, viewer, batch_id))


@router.get("/batches/{batch_id}/judge")
async def batch_judge(request: Request, store: Store, viewer: Viewer, batch_id: UUID) -> Response:
    """The scores and what they are worth: a part of the page."""
    return await _part(request, "judge", "judgements", lambda: judge_of(store, viewer, batch_id))


@router.get("/batches/{batch_id}/beside")
async def batch_beside(
    request: Request, store: Store, viewer: Viewer, batch_id: UUID, against: Against = None
) -> Response:
    """The comparison with a batch of the base: a part of the page."""
    price = deployment_of(request).settings.gpu_hour_price
    return await _part(
        request, "beside", "long_reads", lambda: beside_of(store, viewer, batch_id, against, price)
    )


async def _part(request: Request, name: str, kind: Kind, read: Callable[[], dict[str, Any]]) -> Response:
    """The part `name`; where it is refused for now, a part that asks for it again."""
    batch_id = request.path_params["batch_id"]
    refusal: dict[str, Any] = {"part": name, "batch_id": batch_id}
    try:
        async with counted(request, kind):
            values = await run_in_threadpool(read)
    except (LimitReached, StoreUnavailable):
        return render(request, "batch/refused", **refusal, retry_s=RETRY_S, refused=None)
    except ExtraMissing as error:
        return render(request, "batch/refused", **refusal, retry_s=None, refused=str(error))
    return render(request, f"batch/{name}", batch_id=batch_id, **values)


def _figures(store: Store, viewer: Viewer, batch_id: UUID) -> dict[str, Any]:
    """Figures and judge for the page itself; `refused` says what they lack."""
    try:
        return {"refused": None} | figures_of(store, viewer, batch_id) | judge_of(store, viewer, batch_id)
    except ExtraMissing as error:
        return {"figures": None, "judgement": None, "refused": str(error)}


def _found(
    store: Store, viewer: Viewer, batch_id: UUID, words: str, *, drafts: bool, after: str | None
) -> dict[str, Any]:
    """What a search has found; `find_refused` says what is wrong with its words."""
    try:
        found = found_of(store, viewer, batch_id, words, drafts=drafts, after=after)
    except InvalidField as error:
        found = {"find": words, "drafts": drafts, "hits": (), "find_next": None, "find_refused": error.reason}
    return {"find_refused": None} | found
