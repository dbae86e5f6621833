"""Turns a StepRecord into the columns of `step` and `step_payload`, and back.

The record that comes back is equal to the one that went in, but for characters that Postgres cannot hold (`storable`).
Of device times only the sums by model are stored, and they do not come back.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, RowMapping, Select, select

from specreason.engines.base import Completion, FinishReason, Role, Verdict
from specreason.reasoning.steps import Decision, Odds, Phase, StepRecord
from specreason.store.access.visibility import Viewer, require_job
from specreason.store.read.pages import Page, first_page, total_bytes
from specreason.store.session import Database, transaction
from specreason.store.tables.columns import DEVICE_SECONDS
from specreason.store.tables.trace import step, step_payload
from specreason.submission.text import storable

COLUMN_OF = {"score": "utility_score"}  # the other fields have the names of their columns
WORDS: dict[str, type[StrEnum]] = {
    "phase": Phase,
    "decision": Decision,
    "author": Role,
    "finish_reason": FinishReason,
    "draft_finish_reason": FinishReason,
    "written_finish_reason": FinishReason,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRow:
    """One step as a reader of a trace sees it: its columns, without the token ids.

    `kept_text` is None where texts were deleted; then so are those of the draft and of what was written.
    """

    index: int
    phase: Phase
    decision: Decision
    author: Role | None
    kept_text: str | None
    kept_tokens: int
    spent_tokens: int
    inserted_tokens: int
    finish_reason: FinishReason | None
    recent_acceptance: float | None
    break_even: float | None
    tokens_since_draft: int | None
    threshold: float | None
    score: int | None
    expected_score: float | None
    digit_probs: tuple[float | None, ...] | None
    non_digit_mass: float | None
    draft_text: str | None
    draft_tokens: int | None
    draft_finish_reason: FinishReason | None
    draft_prompt_tokens: int | None
    draft_cached_tokens: int | None
    draft_ttft_s: float | None
    draft_latency_s: float | None
    draft_ahead_s: float | None
    verify_token_id: int | None
    verify_prompt_tokens: int | None
    verify_cached_tokens: int | None
    verify_latency_s: float | None
    written_text: str | None
    written_tokens: int | None
    written_finish_reason: FinishReason | None
    written_prompt_tokens: int | None
    written_cached_tokens: int | None
    written_ttft_s: float | None
    written_latency_s: float | None
    drafter_device_s: float | None
    base_device_s: float | None
    drafter_prefill_s: float | None
    base_prefill_s: float | None
    fence: int
    created_at: datetime


def read_step_rows(
    database: Database, viewer: Viewer, job_id: UUID, *, after: int = -1, limit: int = 100
) -> Page[StepRow]:
    """A page of a job's steps: at most `limit`, with indexes above `after`. Raises NotFound."""
    texts = (step_payload.c.kept_text, step_payload.c.draft_text, step_payload.c.written_text)
    sized = (
        select(step.c.index, total_bytes(texts))
        .outerjoin(step_payload, _is_its_payload())
        .where(step.c.job_id == job_id, step.c.index > after)
        .order_by(step.c.index)
        .limit(limit + 1)
    )
    with transaction(database) as connection:
        require_job(connection, viewer, job_id)
        page: Page[int] = first_page(connection.execute(sized), limit)
        of_page = steps_of(job_id).where(step.c.index > after, step.c.index <= max(page.rows, default=after))
        rows = connection.execute(of_page).mappings().all()
    return Page(rows=tuple(map(_to_step_row, rows)), has_more=page.has_more)


def to_columns(job_id: UUID, fence: int, record: StepRecord) -> dict[str, Any]:
    """The columns of both tables as JSON values."""
    verdict = record.verdict
    return {
        "job_id": str(job_id),
        "index": record.index,
        "fence": fence,
        "phase": record.phase,
        "decision": record.decision,
        "author": record.author,
        "recent_acceptance": record.odds.acceptance if record.odds else None,
        "break_even": record.odds.break_even if record.odds else None,
        "tokens_since_draft": record.odds.tokens_since_draft if record.odds else None,
        "threshold": record.threshold,
        "utility_score": verdict.digit if verdict else None,
        "expected_score": verdict.expected_score if verdict else None,
        "digit_probs": verdict.digit_probs if verdict else None,
        "non_digit_mass": verdict.non_digit_mass if verdict else None,
        "kept_tokens": record.num_kept_tokens,
        "spent_tokens": record.num_spent_tokens,
        "inserted_tokens": record.num_inserted_tokens,
        "finish_reason": record.finish_reason,
        "verify_token_id": verdict.token_id if verdict else None,
        "verify_prompt_tokens": verdict.num_prompt_tokens if verdict else None,
        "verify_cached_tokens": verdict.num_cached_tokens if verdict else None,
        "verify_latency_s": verdict.latency_s if verdict else None,
        "kept_text": storable(record.kept_text),
        "kept_ids": record.kept_ids,
        "draft_ahead_s": record.draft.ahead_s if record.draft else None,
        **_completion_columns("draft", record.draft),
        **_completion_columns("written", record.written),
        **_device_columns(record),
    }


def to_record(row: RowMapping) -> StepRecord:
    return StepRecord(
        index=row["index"],
        phase=Phase(row["phase"]),
        decision=Decision(row["decision"]),
        author=Role(row["author"]) if row["author"] is not None else None,
        kept_ids=tuple(row["kept_ids"]),
        kept_text=row["kept_text"],
        threshold=row["threshold"],
        draft=_to_completion("draft", row, ahead_s=row["draft_ahead_s"]),
        verdict=_to_verdict(row),
        written=_to_completion("written", row),
        odds=_to_odds(row),
    )


def _completion_columns(role: str, completion: Completion | None) -> dict[str, Any]:
    return {
        f"{role}_tokens": completion.num_tokens if completion else None,
        f"{role}_finish_reason": completion.finish_reason if completion else None,
        f"{role}_prompt_tokens": completion.num_prompt_tokens if completion else None,
        f"{role}_cached_tokens": completion.num_cached_tokens if completion else None,
        f"{role}_ttft_s": completion.ttft_s if completion else None,
        f"{role}_latency_s": completion.latency_s if completion else None,
        f"{role}_text": storable(completion.text) if completion else None,
        f"{role}_ids": completion.token_ids if completion else None,
    }


def _device_columns(record: StepRecord) -> dict[str, Any]:
    device = record.device
    if device is None:
        return dict.fromkeys(DEVICE_SECONDS)
    return {f"{role}_device_s": used.total_s for role, used in device.items()} | {
        f"{role}_prefill_s": used.prefill_s for role, used in device.items()
    }


def _to_completion(role: str, row: RowMapping, *, ahead_s: float | None = None) -> Completion | None:
    if row[f"{role}_tokens"] is None:
        return None
    return Completion(
        token_ids=tuple(row[f"{role}_ids"]),
        text=row[f"{role}_text"],
        finish_reason=FinishReason(row[f"{role}_finish_reason"]),
        num_prompt_tokens=row[f"{role}_prompt_tokens"],
        num_cached_tokens=row[f"{role}_cached_tokens"],
        ttft_s=row[f"{role}_ttft_s"],
        latency_s=row[f"{role}_latency_s"],
        ahead_s=ahead_s or 0.0,
    )


def _to_odds(row: RowMapping) -> Odds | None:
    if row["break_even"] is None:
        return None
    return Odds(
        acceptance=row["recent_acceptance"],
        break_even=row["break_even"],
        tokens_since_draft=row["tokens_since_draft"],
    )


def _to_verdict(row: RowMapping) -> Verdict | None:
    if row["digit_probs"] is None:
        return None
    return Verdict(
        digit=row["utility_score"],
        digit_probs=tuple(row["digit_probs"]),
        token_id=row["verify_token_id"],
        num_prompt_tokens=row["verify_prompt_tokens"],
        num_cached_tokens=row["verify_cached_tokens"],
        latency_s=row["verify_latency_s"],
    )


def steps_of(job_id: UUID) -> Select[Any]:
    """The rows of both tables for a job, in the order of its steps; the payload is NULL where texts were deleted."""
    payload = [column for column in step_payload.c if column.name not in ("job_id", "index")]
    return (
        select(step, *payload)
        .outerjoin(step_payload, _is_its_payload())
        .where(step.c.job_id == job_id)
        .order_by(step.c.index)
    )


def _is_its_payload() -> ColumnElement[bool]:
    return (step_payload.c.job_id == step.c.job_id) & (step_payload.c.index == step.c.index)


def _to_step_row(row: RowMapping) -> StepRow:
    values = {field.name: row[COLUMN_OF.get(field.name, field.name)] for field in fields(StepRow)}
    for name, words in WORDS.items():
        values[name] = words(values[name]) if values[name] is not None else None
    if values["digit_probs"] is not None:
        values["digit_probs"] = tuple(values["digit_probs"])
    return StepRow(**values)
