"""What the API returns. What each field means is said in the views (`\\d+ batch_summary`, `job_summary`).

Words such as a state are plain strings, for a newer server may use others. Fields that are not known here are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

STATES = ("queued", "running", "succeeded", "failed", "cancelled", "expired", "dead")


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """A batch. Counts per state sum to `num_jobs`; latencies are seconds."""

    batch_id: UUID
    name: str
    pair: str
    scheme: str
    config: Mapping[str, Any]
    config_hash: str
    metadata: Mapping[str, Any]
    priority: int
    file_id: UUID | None
    num_problems: int
    num_jobs: int
    num_queued: int
    num_running: int
    num_succeeded: int
    num_failed: int
    num_cancelled: int
    num_expired: int
    num_dead: int
    num_graded: int
    num_ungraded: int
    num_correct: int
    pass_at_1: float | None
    num_timed: int
    mean_latency_s: float | None
    num_steps: int
    num_drafted: int
    num_accepted: int
    step_acceptance: float | None
    kept_tokens: int
    spent_tokens: int
    engine_s: float
    created_at: datetime
    paused_at: datetime | None
    cancelled_at: datetime | None
    finished_at: datetime | None
    replayed: bool = False  # the server had this submission already, under the same idempotency key

    @property
    def num_ended(self) -> int:
        """Jobs that neither wait nor run."""
        return self.num_jobs - self.num_queued - self.num_running

    @property
    def ended(self) -> bool:
        return self.num_ended == self.num_jobs

    @property
    def complete(self) -> bool:
        """All jobs have ended, and every answer that can be graded is."""
        return self.ended and not self.num_ungraded

    @property
    def counts(self) -> dict[str, int]:
        """Jobs per state, without the states that no job is in."""
        return {state: count for state in STATES if (count := int(getattr(self, f"num_{state}")))}


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Batches over the same problems, one for each combination of choices."""

    grid_id: UUID
    data: tuple[Batch, ...]
    replayed: bool = False


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of a trace: the draft, its score, the decision, and what was kept. Latencies are seconds."""

    index: int
    phase: str
    decision: str
    author: str | None
    kept_text: str
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

    @property
    def latency_s(self) -> float:
        """Seconds of all its calls. With overlap, some of the draft's may lie inside the step before."""
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
class Event:
    """One change of a batch, a job or a worker. `id` grows; `events(after=id)` goes on behind it."""

    id: int
    kind: str
    batch_id: UUID | None
    job_id: UUID | None
    worker_id: UUID | None
    state: str | None
    outcome: str | None
    detail: Any
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How one job ended: a line of a batch's results."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """A worker: `alive` says whether its lease counts."""

    worker_id: UUID
    pair: str
    pair_fingerprint: str
    host: str
    pid: int
    gpu: str | None
    alive: bool
    slots: int
    num_running: int
    num_attempts: int
    num_lost: int
    started_at: datetime
    heartbeat_at: datetime
    lease_expires_at: datetime
    stopped_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What a deployment is: its version, and the pairs it knows."""

    status: str
    version: str
    pairs: tuple[str, ...]
