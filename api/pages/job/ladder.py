"""A page of a job's steps as its template shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from api.pages.job.attempts import Mark
from api.pages.job.lanes import Lanes, draft_wait_s, engine_s, lanes_of
from api.pages.job.strip import Strip, strip_of
from api.pages.job.texts import Piece, clipped, compared, pieces
from api.pages.job.words import AUTHORS, DECISIONS
from specreason.config import ScoreMethod
from specreason.store.read.pages import Page
from specreason.store.trace.steps import StepRow

PAGE = 100
# Characters of all texts of a page together, so that it stays small. Each text has an equal share.
ROOM = 120_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A part of a step's time bar: `kind` is a colour, `x` and `width` are per cent of the page's longest step."""

    kind: str
    x: float
    width: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StepView:
    """One step. `draft` has pieces only if it was rejected; `rest` counts the characters that are left out."""

    row: StepRow
    author: str
    decision: str
    is_rejected: bool
    kept: tuple[Piece, ...]
    draft: tuple[Piece, ...]
    rest: int
    strip: Strip | None
    bar: tuple[Segment, ...]
    engine_s: float
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ladder:
    """The steps above `after`, of which those above `shown` are new to the reader.

    `next_after` is where the next page begins, None if no step is stored behind these. `marks` are those behind the
    last step. `last` is the last step, `after` if there is none.
    """

    after: int
    last: int
    steps: tuple[StepView, ...]
    lanes: Lanes | None
    next_after: int | None
    marks: tuple[Mark, ...]


def ladder_of(
    page: Page[StepRow], marks: Sequence[Mark], method: ScoreMethod, *, after: int, shown: int | None = None
) -> Ladder:
    """The page of steps above `after`; with `shown`, views of those above it only."""
    rows = page.rows
    new = [row for row in rows if shown is None or row.index > shown]
    last = rows[-1].index if rows else after
    longest_s = max(map(engine_s, rows), default=0.0)
    room = ROOM // max(1, sum(1 + _is_rejected(row) for row in rows))
    return Ladder(
        after=after,
        last=last,
        steps=tuple(_view(row, marks, method, longest_s=longest_s, room=room) for row in new),
        lanes=lanes_of(rows) if rows else None,
        next_after=last if page.has_more else None,
        marks=() if page.has_more else tuple(mark for mark in marks if mark.first_step > last),
    )


def step_view(row: StepRow, method: ScoreMethod) -> StepView:
    """One step with its whole texts."""
    return _view(row, (), method, longest_s=engine_s(row), room=None)


def page_with(step: int) -> int:
    """The `after` of the page that has this step."""
    return step // PAGE * PAGE - 1


def _view(
    row: StepRow, marks: Sequence[Mark], method: ScoreMethod, *, longest_s: float, room: int | None
) -> StepView:
    # Without the white space at the ends, such as the delimiter.
    kept, draft = (row.kept_text or "").strip(), (row.draft_text or "").strip()
    rest = 0
    if room is not None:
        kept, rest = clipped(kept, room)
        if _is_rejected(row):
            draft, more = clipped(draft, room)
            rest += more
    of_draft, of_kept = compared(draft, kept) if _is_rejected(row) else ((), pieces(kept))
    return StepView(
        row=row,
        author=AUTHORS[row.author],
        decision=DECISIONS[row.decision],
        is_rejected=_is_rejected(row),
        kept=of_kept,
        draft=of_draft,
        rest=rest,
        strip=strip_of(row, method),
        bar=_bar(row, longest_s),
        engine_s=engine_s(row),
        marks=tuple(mark for mark in marks if mark.first_step == row.index),
    )


def _is_rejected(row: StepRow) -> bool:
    return row.draft_tokens is not None and row.written_tokens is not None


def _bar(row: StepRow, longest_s: float) -> tuple[Segment, ...]:
    if not longest_s:
        return ()
    writer = "drafter" if row.author == "drafter" else "base"
    parts = (
        ("drafter", draft_wait_s(row)),
        ("verdict", row.verify_latency_s or 0.0),
        (writer, row.written_latency_s or 0.0),
    )
    segments, x = list[Segment](), 0.0
    for kind, part_s in parts:
        width = 100 * part_s / longest_s
        if width:
            segments.append(Segment(kind=kind, x=round(x, 1), width=max(0.5, round(width, 1))))
        x += width
    return tuple(segments)
