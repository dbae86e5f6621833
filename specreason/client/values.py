"""Values that the API returns for batches, workers and the deployment.

The comments of the view `batch_summary` (`\\d+ batch_summary` in psql) explain the fields.

Words such as a state are plain strings, because a newer server may use others. Unknown fields are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

STATES = ("queued", "running", "succeeded", "failed", "cancelled", "expired", "dead")


@dataclass(frozen=True, slots=True, kw_only=True)
class SkippedRow:
    """A problem that a submission left out: its place, the column at fault (None: all of it), and what is wrong."""

    where: str
    field: str | None
    reason: str


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
    # An older server does not send these.
    stop_reasons: Mapping[str, int] = field(default_factory=dict)
    mean_concurrency: float | None = None
    mean_engine_s: float | None = None
    mean_store_s: float | None = None
    mean_own_s: float | None = None
    mean_admission_s: float | None = None
    device_s: float | None = None
    drafter_device_s: float | None = None
    base_device_s: float | None = None
    prefill_s: float | None = None
    num_devices: float | None = None
    num_metered: int = 0
    inserted_tokens: int = 0
    num_given_up: int = 0
    num_regrading: int = 0
    # In the answer to a submission: what the user should know of its problems and configurations, how many invalid
    # problems were left out and the first of them, and whether the server had this submission already, under the same
    # idempotency key.
    remarks: tuple[str, ...] = ()
    skipped: int = 0
    errors: tuple[SkippedRow, ...] = ()
    replayed: bool = False
    # In the answer to a control: the jobs that it changed; of `pause` and `resume`, 1 if the batch changed.
    num_changed: int | None = None

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
    remarks: tuple[str, ...] = ()
    skipped: int = 0
    errors: tuple[SkippedRow, ...] = ()
    replayed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One change of a batch, a job or a worker. `id` grows; `events(after=id)` returns the later ones."""

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
class Queue:
    """The queue of one pair, of all owners: jobs that wait for a worker, and those that run.

    `num_announced` of the queued ones have their message out. `oldest_at` is when the oldest queued one was submitted.
    """

    pair: str
    num_queued: int
    num_announced: int
    num_running: int
    oldest_at: datetime | None
    num_workers: int
    slots: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Queues:
    """All queues, and the grader's. `num_graded` and `num_given_up` are about the last ten minutes."""

    pairs: tuple[Queue, ...]
    num_ungraded: int
    num_graded: int
    num_given_up: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """A deployment: its version, and the pairs it knows."""

    status: str
    version: str
    pairs: tuple[str, ...]
