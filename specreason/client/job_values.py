"""Values that the API returns for one job: its state, its steps and attempts, its result.

The comments of the view `job_summary` and of the table `step` explain the fields.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One problem in one repeat. Latencies are seconds, counts are tokens or steps."""

    job_id: UUID
    batch_id: UUID
    batch_name: str
    pair: str
    scheme: str
    problem_index: int
    problem_id: str | None
    problem: str
    gold: str | None
    repeat: int
    seed: int
    priority: int
    state: str
    stop_reason: str | None
    error: str | None
    answer: str | None
    is_correct: bool | None
    num_steps: int
    num_drafted: int
    num_accepted: int
    step_acceptance: float | None
    think_tokens: int
    answer_tokens: int
    kept_tokens: int
    spent_tokens: int
    wasted_tokens: int
    engine_s: float
    latency_s: float | None
    resumed: bool
    num_attempts: int
    num_errors: int
    num_lost: int
    concurrency: int | None
    pair_fingerprint: str | None
    worker_id: UUID | None
    deadline_at: datetime | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    # An older server does not send these.
    inserted_tokens: int = 0
    store_s: float | None = None
    own_s: float | None = None
    admission_s: float | None = None
    mean_concurrency: float | None = None
    device_s: float | None = None
    drafter_device_s: float | None = None
    base_device_s: float | None = None
    prefill_s: float | None = None
    num_devices: int | None = None
    graded_by: str | None = None
    grade_detail: str | None = None
    given_up: bool | None = None
    graded_at: datetime | None = None
    # The chat that the problem is: role and content of each message. None: `problem` is all of it.
    messages: tuple[Mapping[str, str], ...] | None = None
    # In the answer to a control: whether it changed the job, 0 or 1.
    num_changed: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of a trace: the draft, its score, the decision, and what was kept. Latencies are seconds.

    Without a `kept_text` its texts were deleted; the numbers stay.
    """

    index: int
    phase: str
    decision: str
    author: str | None
    kept_text: str | None
    kept_tokens: int
    spent_tokens: int
    finish_reason: str | None
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
    draft_finish_reason: str | None
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
    written_finish_reason: str | None
    written_prompt_tokens: int | None
    written_cached_tokens: int | None
    written_ttft_s: float | None
    written_latency_s: float | None
    fence: int
    created_at: datetime
    # An older server does not send these.
    inserted_tokens: int = 0
    drafter_device_s: float | None = None
    base_device_s: float | None = None
    drafter_prefill_s: float | None = None
    base_prefill_s: float | None = None

    @property
    def latency_s(self) -> float:
        """Seconds of all its calls. With overlap, part of the draft's time may lie inside the step before."""
        return sum(
            each or 0 for each in (self.draft_latency_s, self.verify_latency_s, self.written_latency_s)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try at a job. `outcome` is None while it runs."""

    number: int
    fence: int
    worker_id: UUID | None
    first_step: int
    started_at: datetime
    ended_at: datetime | None
    outcome: str | None
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The result of one job that has ended: a line of a batch's results."""

    job_id: UUID
    problem_id: str | None
    problem_index: int
    repeat: int
    state: str
    stop_reason: str | None
    answer: str | None
    answer_text: str | None
    reasoning: str | None
    gold: str | None
    is_correct: bool | None
    usage: Mapping[str, Any]
    error: str | None
    # An older server does not send these.
    latency_s: float | None = None
    mean_concurrency: float | None = None
    device_s: float | None = None
    num_devices: int | None = None
    scheme: str | None = None
    threshold: float | None = None  # that the batch asks for; None: the pair's own
