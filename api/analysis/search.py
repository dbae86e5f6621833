"""Search in the steps of a batch."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from api.answers.pages import Page
from api.answers.tags import Tag
from api.deployment import Store
from api.door.access import READ, Viewer
from api.requests.counted import LONG
from specreason.store.analysis.search import FoundStep, search_steps

router = APIRouter(prefix="/api")

LONGEST_QUERY = 500


@router.get(
    "/batches/{batch_id}/search",
    tags=[Tag.RESULTS],
    summary="Search the steps of a batch",
    dependencies=[READ, LONG],
)
def search_batch(
    store: Store,
    viewer: Viewer,
    batch_id: UUID,
    *,
    q: Annotated[
        str,
        Query(
            max_length=LONGEST_QUERY,
            description='Words that must all stand in a text; `"a phrase"`, `OR`, `-word` and `begin*` as in a web '
            "search. Formulas stand as they are written.",
            examples=["wait OR hmm"],
        ),
    ] = "",
    drafts: Annotated[bool, Query(description="Search in drafts that were rejected, too.")] = False,
    after: Annotated[str | None, Query(max_length=60, description="`next` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Page[FoundStep, str]:
    """A page of steps whose text has the words, in the order of jobs and steps, with the part around the first hit.

    A page is answered within a second or two, so it may have fewer rows than `limit`, or none, and yet a `next`.
    """
    page = search_steps(store, viewer, batch_id, q, drafts=drafts, after=after, limit=limit)
    return Page(data=page.rows, next=page.next)
