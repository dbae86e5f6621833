"""A store in which every text of a user, a model or a worker is a payload."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from sqlalchemy import text

from specreason.config import RunConfig, SchemeName
from specreason.reasoning.steps import StopReason
from specreason.store.queue.batches import NewBatch
from specreason.store.queue.jobs import JobResult, finish
from specreason.store.queue.problems import NewProblem, check
from specreason.store.session import Database, transaction
from specreason.store.tables.states import JobState
from specreason.store.trace.writer import TraceWriter
from tests.browser.payloads import PAYLOADS
from tests.support.store.builders import (
    PAIR,
    answer,
    append_all,
    claimed,
    completion,
    insert_batches,
    job_ids,
    rejected,
    start_worker,
)

GRADE = """INSERT INTO grade (id, job_id, grader, answer, gold, is_correct, detail)
    VALUES (gen_random_uuid(), :job_id, :said, :said, :said, :right, :said)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hostile:
    """`right` and `wrong` hold the same problems, each with an answer; `failed` has errors. `traces` have all steps."""

    right: UUID
    wrong: UUID
    failed: UUID
    traces: tuple[UUID, UUID]
    ended: UUID


def fill(database: Database) -> Hostile:
    """Three batches over a hundred problems, and one of a problem for each payload as name, metadata and eval."""
    problems = check(
        [
            NewProblem(text=said, answer=said, problem_id=said, source={"subject": said, said[:50]: said})
            for said in PAYLOADS
        ]
    )
    whole = [
        NewBatch(
            name=PAYLOADS[number],
            pair=PAIR,
            config=RunConfig(scheme=SchemeName.BASE if number == 0 else SchemeName.SPECREASON, threshold=7.0),
            problems=problems,
            metadata={said: said for said in PAYLOADS},
        )
        for number in range(3)
    ]
    named = [
        NewBatch(
            name=said,
            pair=PAIR,
            config=RunConfig(),
            problems=check([NewProblem(text=said, problem_id=said)]),
            metadata={"eval": said},
        )
        for said in PAYLOADS
    ]
    right, wrong, failed, *_ = insert_batches(database, [*whole, *named])
    worker_id = start_worker(database, lease_s=600)
    writer = TraceWriter(database)
    try:
        for batch_id in (right, wrong):
            for number, job_id in enumerate(job_ids(database, batch_id)):
                _succeed(database, writer, job_id, worker_id, number)
    finally:
        writer.close()
    for job_id, said in zip(job_ids(database, failed), PAYLOADS, strict=True):
        finish(database, claimed(database, job_id, worker_id), JobResult(state=JobState.FAILED, error=said))
    _grade(database, job_ids(database, right), right=True)
    _grade(database, job_ids(database, wrong), right=False)
    _rename_workers(database)
    return Hostile(
        right=right,
        wrong=wrong,
        failed=failed,
        traces=(job_ids(database, right)[0], job_ids(database, wrong)[0]),
        ended=job_ids(database, failed)[0],
    )


def _succeed(database: Database, writer: TraceWriter, job_id: UUID, worker_id: UUID, number: int) -> None:
    """The first job of a batch has a step for each payload, the others two."""
    job = claimed(database, job_id, worker_id)
    steps = PAYLOADS if number == 0 else PAYLOADS[number : number + 1]
    records = []
    for index, said in enumerate(steps):
        other = PAYLOADS[(index + 1) % len(PAYLOADS)]
        written = completion(f"{said}\n\n", ids=(21, 22, 23))
        records.append(
            replace(
                rejected(index),
                draft=completion(f"{other}\n\n"),
                written=written,
                kept_ids=written.token_ids,
                kept_text=written.text,
            )
        )
    asyncio.run(append_all(writer, job, *records, answer(len(records))))
    said = PAYLOADS[number]
    result = JobResult(state=JobState.SUCCEEDED, stop_reason=StopReason.ANSWERED, answer=said, error=None)
    assert finish(database, job, result)


def _grade(database: Database, jobs: Sequence[UUID], *, right: bool) -> None:
    rows = [
        {"job_id": job_id, "said": said, "right": right} for job_id, said in zip(jobs, PAYLOADS, strict=True)
    ]
    with transaction(database) as connection:
        connection.execute(text(GRADE), rows)
        connection.execute(text("UPDATE job SET graded_at = now() WHERE state = 'succeeded'"))


def _rename_workers(database: Database) -> None:
    """A worker for each payload as the name of its host."""
    for _ in PAYLOADS[1:]:
        start_worker(database)
    rows = [{"said": said, "place": place} for place, said in enumerate(PAYLOADS)]
    with transaction(database) as connection:
        connection.execute(
            text(
                """UPDATE worker SET host = :said
                   WHERE id = (SELECT id FROM worker ORDER BY id OFFSET :place LIMIT 1)"""
            ),
            rows,
        )
