"""Compares two batches problem by problem, and the traces of two jobs."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from api.analysis.prices import GpuHourPrice
from api.answers.pages import Page
from api.answers.tags import Tag
from api.deployment import Store
from api.door.access import READ, Viewer
from api.requests.counted import LONG
from specreason.evaluation.comparison.values import ComparedPair, Comparison, Outcome, Parting
from specreason.store.analysis.comparison import compare_batches, compared_pairs
from specreason.store.analysis.parting import find_parting

router = APIRouter(
    prefix="/api/compare",
    tags=[Tag.RESULTS],
    dependencies=[READ, LONG],
    responses={404: {"description": "Not Found"}},
)

BatchA = Annotated[UUID, Query(description="Batch A, such as that of the base alone.")]
BatchB = Annotated[UUID, Query(description="Batch B, which is compared with it.")]


@router.get("", summary="Compare two batches")
def get_comparison(
    store: Store,
    viewer: Viewer,
    *,
    a: BatchA,
    b: BatchB,
    k: Annotated[
        int | None,
        Query(
            ge=1,
            le=1024,
            description="Of pass@k and majority@k. Default: the usual number of graded repeats in both.",
        ),
    ] = None,
    price: GpuHourPrice,
) -> Comparison:
    """Figures of both over their common problems, with differences (B less A), 95 % intervals and ratios (B over A).

    Problems match by their ids, if all have one and none has it twice, else by text. `says` are sentences: what the
    figures allow to say; `warnings` are reasons to doubt them.
    """
    return compare_batches(store, viewer, a, b, k=k, gpu_hour_price=price)


@router.get("/problems", summary="List the problems of two batches")
def get_compared_problems(
    store: Store,
    viewer: Viewer,
    *,
    a: BatchA,
    b: BatchB,
    outcome: Annotated[
        tuple[Outcome, ...],
        Query(description="Only problems that B has won, lost or tied, or that lack grades."),
    ] = (),
    problem: Annotated[
        str | None, Query(max_length=1000, description="Only the problem with this id, or else index in A.")
    ] = None,
    after: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Page[ComparedPair, UUID]:
    """A page of pairs of jobs: each repeat of each common problem, in A's order."""
    page = compared_pairs(
        store, viewer, a, b, outcomes=outcome, problem_ref=problem, after=after, limit=limit
    )
    return Page(data=page.rows, next=page.rows[-1].job_a if page.has_more else None)


@router.get("/traces", summary="Find where two traces part")
def get_parting(
    store: Store,
    viewer: Viewer,
    *,
    a: Annotated[UUID, Query(description="A job.")],
    b: Annotated[UUID, Query(description="Another job.")],
) -> Parting:
    """The first step whose kept text differs, and the first that was decided otherwise."""
    return find_parting(store, viewer, a, b)
