"""The page of two traces side by side, from a little before the step at which they part."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from api.deployment import Store
from api.door.access import READ, Viewer
from api.pages.job.texts import Piece, clipped, compared, pieces
from api.pages.job.words import AUTHORS, DECISIONS
from api.pages.rendering import render
from api.requests.counted import LONG
from specreason.evaluation.comparison.values import Parting
from specreason.store.analysis.parting import find_parting
from specreason.store.read.pages import Page
from specreason.store.read.summaries import read_job
from specreason.store.trace.steps import StepRow, read_step_rows

PAGE = 20
BEFORE = 3  # steps that are shown before the one at which the traces part
ROOM = 3000  # characters of a text that are shown

router = APIRouter(include_in_schema=False, dependencies=[READ, LONG])


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """The step of one of the traces. `rest`: so many more characters."""

    row: StepRow
    author: str
    decision: str
    text: tuple[Piece, ...]
    rest: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """The steps with one index; None where a trace has none. `is_same`: both keep the same text."""

    index: int
    a: Version | None
    b: Version | None
    is_same: bool
    parts_here: bool


@router.get("/compare/traces")
def traces_page(
    request: Request,
    store: Store,
    viewer: Viewer,
    *,
    a: UUID,
    b: UUID,
    after: Annotated[int | None, Query(ge=-1, lt=2**31)] = None,
) -> Response:
    """A page of steps above `after`; without it, from where the traces part."""
    jobs = read_job(store, viewer, a), read_job(store, viewer, b)
    parting = find_parting(store, viewer, a, b)
    start = after if after is not None else max(-1, (parting.index or 0) - BEFORE - 1)
    ours, theirs = (read_step_rows(store, viewer, each, after=start, limit=PAGE) for each in (a, b))
    rows = tuple(_beside(ours, theirs, parting))
    has_more = ours.has_more or theirs.has_more
    return render(
        request,
        "compare/traces",
        jobs=jobs,
        parting=parting,
        rows=rows,
        start=start,
        earlier=max(-1, start - PAGE) if start >= 0 else None,
        later=rows[-1].index if rows and has_more else None,
        at_parting=None if parting.index is None else max(-1, parting.index - BEFORE - 1),
    )


def _beside(ours: Page[StepRow], theirs: Page[StepRow], parting: Parting) -> Iterator[Beside]:
    """The steps of both pages by their index, as far as both pages reach."""
    last = min((page.rows[-1].index for page in (ours, theirs) if page.has_more), default=None)
    left, right = ({row.index: row for row in page.rows} for page in (ours, theirs))
    for index in sorted(left.keys() | right.keys()):
        if last is not None and index > last:
            return
        a, b = left.get(index), right.get(index)
        texts = _texts(a, b)
        yield Beside(
            index=index,
            a=_version(a, texts[0]),
            b=_version(b, texts[1]),
            is_same=a is not None and b is not None and a.kept_text == b.kept_text,
            parts_here=index == parting.index,
        )


def _texts(a: StepRow | None, b: StepRow | None) -> Sequence[tuple[tuple[Piece, ...], int]]:
    """Both texts in pieces, with marks where they differ, and what is left out of each."""
    ours, theirs = (clipped((row.kept_text or "").rstrip() if row else "", ROOM) for row in (a, b))
    if a is None or b is None or ours[0] == theirs[0]:
        return (pieces(ours[0]), ours[1]), (pieces(theirs[0]), theirs[1])
    left, right = compared(ours[0], theirs[0])
    return (left, ours[1]), (right, theirs[1])


def _version(row: StepRow | None, text: tuple[tuple[Piece, ...], int]) -> Version | None:
    if row is None:
        return None
    return Version(
        row=row, author=AUTHORS[row.author], decision=DECISIONS[row.decision], text=text[0], rest=text[1]
    )
