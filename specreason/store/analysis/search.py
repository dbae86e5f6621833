"""Search in the texts of a batch's steps.

No index holds the words: it would cost the writer of steps more than searches save. A search reads the texts of the
batch job by job, in statements that take some tenths of a second, and returns what it has found after a second: the
reader asks for the next page.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, and_, not_, or_, select, text, tuple_

from specreason.reasoning.steps import Decision, Phase
from specreason.store.access.visibility import Viewer, require_batch
from specreason.store.analysis.row_places import Place, place_of, written
from specreason.store.analysis.row_tables import Table
from specreason.store.analysis.search_terms import Query, parse_query, snippet_of
from specreason.store.session import Connection, Database, transaction
from specreason.store.tables.columns import one_of_ids
from specreason.store.tables.queue import job, problem
from specreason.store.tables.trace import step, step_payload

# Jobs whose texts one statement reads: the first one's, and at most. After each, the clock is looked at: half as many
# jobs follow a statement that took longer than STATEMENT_S, twice as many another one.
FIRST_JOBS = 4
MOST_JOBS = 256
STATEMENT_S = 0.2
BUDGET_S = 1.0
# A statement that takes much longer, as for the texts of a single job, keeps its connection from others.
TIMEOUT = text("SET LOCAL statement_timeout = '10s'")
LAST = 2**31 - 1  # larger than the index of any step
_KEY = (step_payload.c.job_id, step_payload.c.index)
_NAMED_KEY = (step_payload.c.job_id, step_payload.c.index.label("place"))  # a row has a method `index`
_KEPT, _DRAFT = step_payload.c.kept_text, step_payload.c.draft_text
# Only a rejected draft stands beside a text that was written.
_REJECTED = _DRAFT.is_not(None) & step_payload.c.written_text.is_not(None)


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundStep:
    """A step with a text that was searched for, and the part of the text around the first hit.

    `found_in` says which text it is: the kept one, or a draft that was rejected. `hits` are start and end of each
    hit in the snippet, in characters.
    """

    job_id: UUID
    problem_index: int
    problem_id: str | None
    repeat: int
    index: int
    phase: Phase
    decision: Decision
    score: int | None
    found_in: Literal["kept", "draft"]
    snippet: str
    hits: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundSteps:
    """A page. `next` is the place after which the next page begins; None: the batch has been read to its end."""

    rows: tuple[FoundStep, ...]
    next: str | None


def search_steps(
    database: Database,
    viewer: Viewer,
    batch_id: UUID,
    words: str,
    *,
    drafts: bool = False,
    after: str | None = None,
    limit: int = 50,
    budget_s: float = BUDGET_S,
) -> FoundSteps:
    """The steps of the batch with such a text, by job and index; with `drafts` also those of rejected drafts.

    At most `limit`; fewer, or none, if `budget_s` seconds are over. Raises NotFound; InvalidField for words that ask
    for nothing (`search_terms`); StoreUnavailable if Postgres needs ten seconds for a few jobs.
    """
    ends_at = time.monotonic() + budget_s
    with transaction(database) as connection:
        connection.execute(TIMEOUT)
        require_batch(connection, viewer, batch_id)
        query = parse_query(words)
        place = None if after is None else place_of(Table.STEP, after)
        found: list[Row[Any]] = []
        num_jobs, now = FIRST_JOBS, time.monotonic()
        while True:
            job_ids = _jobs(connection, batch_id, place, num_jobs)
            if job_ids:
                page = _matches(query, job_ids, place, drafts=drafts).limit(limit - len(found))
                found += connection.execute(page).all()
            if len(found) == limit:
                place = (found[-1].job_id, found[-1].place)
                break
            if len(job_ids) < num_jobs:
                place = None
                break
            place = (job_ids[-1], LAST)
            before, now = now, time.monotonic()
            if now > ends_at:
                break
            is_slow = now - before > STATEMENT_S
            num_jobs = max(1, num_jobs // 2) if is_slow else min(MOST_JOBS, 2 * num_jobs)
        rows = _rows(connection, query, found)
    return FoundSteps(rows=rows, next=None if place is None else written(place))


def _jobs(connection: Connection, batch_id: UUID, place: Place | None, num_jobs: int) -> Sequence[UUID]:
    """The next jobs of the batch, from that of `place` on."""
    ids = select(job.c.id).where(job.c.batch_id == batch_id, job.c.num_attempts > 0)
    if place is not None:
        ids = ids.where(job.c.id > place[0] if place[1] == LAST else job.c.id >= place[0])
    return connection.scalars(ids.order_by(job.c.id).limit(num_jobs)).all()


def _matches(query: Query, job_ids: Sequence[UUID], place: Place | None, *, drafts: bool) -> Select[Any]:
    in_kept = _says(_KEPT, query)
    in_any = or_(in_kept, and_(_REJECTED, _says(_DRAFT, query))) if drafts else in_kept
    found = select(*_NAMED_KEY, in_kept.label("in_kept")).where(one_of_ids(step_payload.c.job_id, job_ids))
    if place is not None:
        found = found.where(tuple_(*_KEY) > tuple_(*place))
    return found.where(in_any).order_by(*_KEY)


def _says(column: ColumnElement[str], query: Query) -> ColumnElement[bool]:
    """Whether the text has all terms of one alternative. The quick comparison goes first."""
    # Of this collation, only letters of ASCII have two cases, as in `hits`.
    said = column.collate("C")

    def has(like: str, pattern: str) -> ColumnElement[bool]:
        return and_(said.ilike(like), said.regexp_match(pattern, flags="i"))

    return or_(
        *(
            and_(
                *(has(term.like, term.pattern) for term in terms if not term.is_excluded),
                *(not_(has(term.like, term.pattern)) for term in terms if term.is_excluded),
            )
            for terms in query.alternatives
        )
    )


def _rows(connection: Connection, query: Query, found: Sequence[Row[Any]]) -> tuple[FoundStep, ...]:
    """The found steps with what is shown of them."""
    in_kept = {(row.job_id, row.place): bool(row.in_kept) for row in found}
    if not in_kept:
        return ()
    shown = (
        select(*_NAMED_KEY, problem.c.index.label("problem_index"), problem.c.problem_id, job.c.repeat)
        .add_columns(step.c.phase, step.c.decision, step.c.utility_score, _KEPT, _DRAFT)
        .join(step, and_(step.c.job_id == step_payload.c.job_id, step.c.index == step_payload.c.index))
        .join(job, job.c.id == step_payload.c.job_id)
        .join(problem, problem.c.id == job.c.problem_id)
        .where(tuple_(*_KEY).in_(list(in_kept)))
        .order_by(*_KEY)
    )
    return tuple(
        _row(row, query, is_kept=in_kept[row.job_id, row.place]) for row in connection.execute(shown)
    )


def _row(row: Row[Any], query: Query, *, is_kept: bool) -> FoundStep:
    snippet = snippet_of(row.kept_text if is_kept else row.draft_text, query)
    return FoundStep(
        job_id=row.job_id,
        problem_index=row.problem_index,
        problem_id=row.problem_id,
        repeat=row.repeat,
        index=row.place,
        phase=Phase(row.phase),
        decision=Decision(row.decision),
        score=row.utility_score,
        found_in="kept" if is_kept else "draft",
        snippet=snippet.text,
        hits=snippet.hits,
    )
