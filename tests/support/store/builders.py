"""Batches, workers and step records for the tests of the store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from specreason.config import RunConfig
from specreason.engines.base import Completion, FinishReason, Role, Verdict
from specreason.engines.meter import DeviceTime
from specreason.reasoning.steps import Decision, Phase, StepRecord
from specreason.store.access.visibility import Viewer
from specreason.store.queue.batches import NewBatch, write_batches
from specreason.store.queue.claims import ClaimedJob
from specreason.store.queue.jobs import claim
from specreason.store.queue.problems import NewProblem, check
from specreason.store.queue.workers import NewWorker, register_worker
from specreason.store.read.summaries import read_jobs
from specreason.store.session import Database, transaction
from specreason.store.trace.writer import TraceWriter
from tests.support.store.sql import execute

PAIR = "scripted"
FINGERPRINT = "fingerprint-1"


def submit(
    database: Database, num_problems: int = 1, *, repeats: int = 1, priority: int = 0, gold: str | None = "4"
) -> UUID:
    problems = [NewProblem(text=f"What is 2 + 2, {i}?", answer=gold) for i in range(num_problems)]
    config = RunConfig(repeats=repeats, seed=7)
    return insert_batch(
        database, NewBatch(name="sums", pair=PAIR, config=config, problems=check(problems), priority=priority)
    )


def insert_batch(database: Database, new: NewBatch) -> UUID:
    """The batch with its jobs, in a transaction of its own; its id."""
    (batch_id,) = insert_batches(database, [new])
    return batch_id


def insert_batches(database: Database, batches: Sequence[NewBatch]) -> tuple[UUID, ...]:
    with transaction(database) as connection:
        return write_batches(connection, batches)


def job_ids(database: Database, batch_id: UUID) -> tuple[UUID, ...]:
    return tuple(job.job_id for job in read_jobs(database, Viewer.EVERYONE, batch_id, limit=1000).rows)


def start_worker(
    database: Database,
    *,
    lease_s: float = 60,
    fingerprint: str = FINGERPRINT,
    pair: str = PAIR,
    num_devices: int = 1,
) -> UUID:
    new = NewWorker(
        pair=pair,
        pair_fingerprint=fingerprint,
        host="here",
        pid=1,
        slots=16,
        num_devices=num_devices,
    )
    return register_worker(database, new, lease_s=lease_s)


def claimed(database: Database, job_id: UUID, worker_id: UUID, fingerprint: str = FINGERPRINT) -> ClaimedJob:
    """Claim a job that is known to be there."""
    found = claim(database, job_id, worker_id=worker_id, pair_fingerprint=fingerprint)
    assert found is not None
    return found


def claim_one(database: Database) -> ClaimedJob:
    """A batch of one job, claimed by a worker of its own."""
    (job_id,) = job_ids(database, submit(database))
    return claimed(database, job_id, start_worker(database))


def expire(database: Database, worker_id: UUID) -> None:
    """Let the worker's lease run out now."""
    execute(database, f"UPDATE worker SET lease_expires_at = now() - interval '1 s' WHERE id = '{worker_id}'")


async def append_all(writer: TraceWriter, job: ClaimedJob, *records: StepRecord) -> None:
    sink = writer.sink(job)
    for record in records:
        await sink.append(record)
    await sink.flush()


def completion(text: str = "So 2 + 2 = 4.\n\n", *, ids: Sequence[int] = (11, 12, 13)) -> Completion:
    return Completion(
        token_ids=tuple(ids),
        text=text,
        finish_reason=FinishReason.DELIMITER,
        num_prompt_tokens=40,
        num_cached_tokens=32,
        ttft_s=0.0123,
        latency_s=1 / 3,
    )


def verdict(digit: int | None, *, probs: tuple[float | None, ...] | None = None) -> Verdict:
    return Verdict(
        digit=digit,
        digit_probs=probs or tuple(i / 45.1 for i in range(10)),
        token_id=77,
        num_prompt_tokens=60,
        num_cached_tokens=48,
        latency_s=0.1,
    )


def accepted(index: int, text: str = "So 2 + 2 = 4.\n\n") -> StepRecord:
    draft = completion(text)
    return StepRecord(
        index=index,
        phase=Phase.THINK,
        decision=Decision.ACCEPTED,
        author=Role.DRAFTER,
        kept_ids=draft.token_ids,
        kept_text=draft.text,
        threshold=7.0,
        draft=draft,
        verdict=verdict(8),
    )


def rejected(index: int, digit: int | None = 3) -> StepRecord:
    written = completion("Wait, 2 + 2 = 4.\n\n", ids=(21, 22, 23, 24))
    return StepRecord(
        index=index,
        phase=Phase.THINK,
        decision=Decision.REJECTED if digit is not None else Decision.REJECTED_NO_DIGIT,
        author=Role.BASE,
        kept_ids=written.token_ids,
        kept_text=written.text,
        threshold=7.0,
        draft=completion("So 2 + 2 = 5.\n\n"),
        verdict=verdict(digit, probs=(None,) * 3 + (0.5,) + (None,) * 6),
        written=written,
    )


def metered(record: StepRecord, seconds: float = 1.0, *, dropped_s: float = 0.0) -> StepRecord:
    """`record` with `seconds` of device time for each of its calls, a quarter of them prefill."""
    device = DeviceTime(prefill_s=seconds / 4, decode_s=3 * seconds / 4)
    return replace(
        record,
        draft=record.draft and replace(record.draft, device=device),
        verdict=record.verdict and replace(record.verdict, device=device),
        written=record.written and replace(record.written, device=device),
        dropped=DeviceTime(decode_s=dropped_s),
    )


def closed(index: int) -> StepRecord:
    return StepRecord(
        index=index,
        phase=Phase.THINK,
        decision=Decision.CLOSED_TOKEN_BUDGET,
        author=None,
        kept_ids=(2,),
        kept_text="</think>",
    )


def answer(index: int) -> StepRecord:
    written = completion(r"\boxed{4}", ids=(31, 32, 33, 34, 35, 0))
    return StepRecord(
        index=index,
        phase=Phase.ANSWER,
        decision=Decision.ANSWER,
        author=Role.BASE,
        kept_ids=written.token_ids[:-1],
        kept_text=written.text,
        written=written,
    )
