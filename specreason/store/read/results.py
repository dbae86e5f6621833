"""The results of a batch's jobs, read page by page: a batch of any size needs bounded memory.

Each page is a transaction of its own, so that a slow reader keeps none open. A job that ends behind the reader's
position is not returned.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Double,
    Integer,
    Row,
    Select,
    Subquery,
    and_,
    bindparam,
    cast,
    func,
    literal_column,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by

from specreason.engines.base import THINK_END, FinishReason
from specreason.reasoning.steps import Phase, StopReason
from specreason.store.access.visibility import Viewer, require_batch
from specreason.store.read.pages import PAGE_BYTES
from specreason.store.session import Database, transaction
from specreason.store.tables.queue import batch, job, problem, worker
from specreason.store.tables.states import JobState
from specreason.store.tables.trace import step, step_payload
from specreason.store.tables.views import job_with_grade

PAGE = 200  # jobs, or fewer where they are long
BYTES_PER_TOKEN = 4  # about, in English


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedJob:
    """A job that has ended. A text that was not written is empty; so are all where `texts_deleted`.

    `answer` was extracted from `answer_text`. `is_complete`: the answer ended by itself. `prompt_tokens` are those
    of the first call. `reasoning` is the thinking without the tag that ends it. `threshold` is the one that the batch
    asks for, None for the pair's own.
    """

    job_id: UUID
    batch_id: UUID
    pair: str
    problem_row: UUID
    problem_index: int
    problem_id: str | None
    repeat: int
    state: JobState
    stop_reason: StopReason | None
    answer: str | None
    answer_text: str
    is_complete: bool
    reasoning: str
    gold: str | None
    is_correct: bool | None
    prompt_tokens: int
    think_tokens: int
    answer_tokens: int
    spent_tokens: int
    inserted_tokens: int
    num_steps: int
    num_drafted: int
    num_accepted: int
    latency_s: float | None
    mean_concurrency: float | None
    device_s: float | None
    num_devices: int | None
    scheme: str
    threshold: float | None
    error: str | None
    finished_at: datetime
    texts_deleted: bool = False


def ended_jobs(database: Database, viewer: Viewer, batch_id: UUID) -> Iterator[EndedJob]:
    """The jobs that have ended so far, repeat by repeat: every problem once before any problem twice.

    Raises NotFound before the first job is asked for.
    """
    with transaction(database) as connection:
        require_batch(connection, viewer, batch_id)
    return _ended_jobs(database, batch_id)


def _ended_jobs(database: Database, batch_id: UUID) -> Iterator[EndedJob]:
    per_page = _page_size(database, batch_id)
    page = (
        select(job.c.id)
        .where(job.c.batch_id == batch_id, job.c.finished_at.is_not(None), job.c.id > bindparam("after"))
        .order_by(job.c.id)
        .limit(per_page)
    )
    jobs = _results(page.subquery()).order_by(job.c.id)
    after = UUID(int=0)
    while True:
        rows = _read(database, jobs, after=after)
        yield from rows
        if len(rows) < per_page:
            return
        after = rows[-1].job_id


def ended_jobs_by_problem(
    database: Database, viewer: Viewer, batch_id: UUID, *, only: Collection[UUID] | None = None
) -> Iterator[EndedJob]:
    """The jobs that have ended so far, problem by problem: all repeats of a problem together.

    `only` are the ids of the jobs to read, None for all. Raises NotFound before the first job is asked for.
    """
    with transaction(database) as connection:
        require_batch(connection, viewer, batch_id)
        sizes = select(batch.c.num_problems, batch.c.num_jobs).where(batch.c.id == batch_id)
        num_problems, num_jobs = connection.execute(sizes).one()
    per_page = max(1, _page_size(database, batch_id) * num_problems // num_jobs)
    chosen: ColumnElement[bool] = job.c.finished_at.is_not(None)
    if only is not None:
        chosen &= job.c.id.in_(only)
    return _by_problem(database, batch_id, num_problems, per_page, chosen)


def _by_problem(
    database: Database, batch_id: UUID, num_problems: int, per_page: int, chosen: ColumnElement[bool]
) -> Iterator[EndedJob]:
    """`per_page` counts problems."""
    page = (
        select(job.c.id)
        .join(problem, problem.c.id == job.c.problem_id)
        .where(
            problem.c.batch_id == batch_id,
            problem.c.index >= bindparam("first"),
            problem.c.index < bindparam("end"),
            chosen,
        )
    )
    jobs = _results(page.subquery()).order_by(problem.c.index, job.c.repeat)
    for first in range(0, num_problems, per_page):
        yield from _read(database, jobs, first=first, end=first + per_page)


def _page_size(database: Database, batch_id: UUID) -> int:
    """The number of jobs in a page, computed as if all were as long as the longest that has ended so far."""
    longest = select(func.max(job.c.think_tokens + job.c.answer_tokens)).where(job.c.batch_id == batch_id)
    with transaction(database) as connection:
        num_tokens = connection.scalar(longest)
    return min(PAGE, max(1, PAGE_BYTES // (BYTES_PER_TOKEN * (num_tokens or 1))))


def _read(database: Database, jobs: Select[Any], **page: object) -> list[EndedJob]:
    """The jobs of a page."""
    with transaction(database) as connection:
        return [_to_ended_job(row) for row in connection.execute(jobs, page)]


def _results(page: Subquery) -> Select[Any]:
    """The jobs of a page. A subquery cuts it first; else each page would read the steps of the whole batch."""
    joined = func.string_agg(step_payload.c.kept_text, aggregate_order_by(literal_column("''"), step.c.index))
    texts = (
        select(
            joined.filter(step.c.phase == Phase.THINK).label("reasoning"),
            joined.filter(step.c.phase == Phase.ANSWER).label("answer_text"),
            func.bool_or(step.c.finish_reason != FinishReason.LENGTH)
            .filter(step.c.phase == Phase.ANSWER)
            .label("is_complete"),
            func.max(func.coalesce(step.c.draft_prompt_tokens, step.c.written_prompt_tokens))
            .filter(step.c.index == 0)
            .label("prompt_tokens"),
            (func.count(step.c.index) > func.count(step_payload.c.index)).label("texts_deleted"),
        )
        .select_from(step)
        .join(
            step_payload,
            and_(step_payload.c.job_id == step.c.job_id, step_payload.c.index == step.c.index),
            isouter=True,
        )
        .where(step.c.job_id == job.c.id)
        .lateral("texts")
    )
    return (
        select(
            job.c.id.label("job_id"),
            job.c.batch_id,
            job.c.pair,
            problem.c.id.label("problem_row"),
            problem.c.index.label("problem_index"),
            problem.c.problem_id,
            job.c.repeat,
            job.c.state,
            job.c.stop_reason,
            job.c.answer,
            func.coalesce(texts.c.answer_text, "").label("answer_text"),
            func.coalesce(texts.c.is_complete, False).label("is_complete"),
            func.coalesce(texts.c.reasoning, "").label("reasoning"),
            problem.c.answer.label("gold"),
            job_with_grade.c.is_correct,
            func.coalesce(texts.c.prompt_tokens, 0).label("prompt_tokens"),
            *(
                cast(func.coalesce(job.c[name], 0), Integer).label(name)
                for name in (
                    "think_tokens",
                    "answer_tokens",
                    "spent_tokens",
                    "inserted_tokens",
                    "num_steps",
                    "num_drafted",
                    "num_accepted",
                )
            ),
            job.c.latency_s,
            job.c.mean_concurrency,
            (job.c.drafter_device_s + job.c.base_device_s).label("device_s"),
            worker.c.num_devices,
            batch.c.config["scheme"].astext.label("scheme"),
            cast(batch.c.config["threshold"].astext, Double).label("threshold"),
            job.c.error,
            job.c.finished_at,
            texts.c.texts_deleted,
        )
        .select_from(page)
        .join(job, job.c.id == page.c.id)
        .join(batch, batch.c.id == job.c.batch_id)
        .join(problem, problem.c.id == job.c.problem_id)
        .join(job_with_grade, job_with_grade.c.id == page.c.id)
        .outerjoin(worker, worker.c.id == job.c.worker_id)
        .join(texts, true())
    )


def _to_ended_job(row: Row[Any]) -> EndedJob:
    values = dict(row._mapping)
    values["state"] = JobState(row.state)
    values["reasoning"] = row.reasoning.strip().removesuffix(THINK_END).strip()
    values["stop_reason"] = StopReason(row.stop_reason) if row.stop_reason is not None else None
    return EndedJob(**values)
