"""The queue as a few values in memory: what a move of `test_queue_machine` must do to the real one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto
from uuid import UUID

from specreason.store.queue.claims import ClaimedJob
from specreason.store.tables.states import JobState


class Lease(Enum):
    """Run out, it can still be renewed; ended, it cannot."""

    COUNTS = auto()
    RUN_OUT = auto()
    ENDED = auto()


@dataclass(slots=True, eq=False)
class WorkerModel:
    worker_id: UUID
    fingerprint: str
    lease: Lease = Lease.COUNTS


@dataclass(slots=True, eq=False)
class BatchModel:
    batch_id: UUID
    priority: int
    jobs: Sequence[JobModel] = field(default=(), repr=False)
    paused: bool = False


@dataclass(slots=True, eq=False)
class JobModel:
    """`due` is false while a retry waits; `late` is true once the deadline, `deadline_at`, has passed."""

    job_id: UUID
    batch: BatchModel
    state: JobState = JobState.QUEUED
    holder: WorkerModel | None = None
    fingerprint: str | None = None  # of its steps
    fence: int = 0
    num_steps: int = 0
    num_errors: int = 0
    num_lost: int = 0
    announced: bool = False
    alone: bool = False
    due: bool = True
    late: bool = False
    deadline_at: datetime | None = None

    @property
    def open(self) -> bool:
        return not self.state.ended

    @property
    def running(self) -> bool:
        return self.state is JobState.RUNNING

    @property
    def waiting(self) -> bool:
        """Queued, and its batch is not paused."""
        return self.state is JobState.QUEUED and not self.batch.paused

    @property
    def claimable(self) -> bool:
        return self.waiting and self.due and not self.late

    def restart_after_failure(self, *, due: bool = True) -> None:
        self.state, self.announced, self.due = JobState.QUEUED, False, due

    def requeue(self) -> None:
        """Queue an ended job again, as a user does."""
        self.restart_after_failure()
        self.num_errors = self.num_lost = 0
        if self.late:
            self.deadline_at = None
        self.alone = self.late = False


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim that a worker believes it holds, for ever: it may have crashed, or been cancelled, or slept."""

    claimed: ClaimedJob
    job: JobModel = field(repr=False)

    @property
    def holds(self) -> bool:
        return self.job.running and self.job.fence == self.claimed.fence


class QueueModel:
    """Every batch, job, worker and claim of the run, oldest first."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[BatchModel] = []
        self.jobs: list[JobModel] = []
        self.workers: list[WorkerModel] = []
        self.claims: list[Claim] = []

    @property
    def alive(self) -> list[WorkerModel]:
        return [worker for worker in self.workers if worker.lease is Lease.COUNTS]

    @property
    def held(self) -> list[Claim]:
        return [claim for claim in self.claims if claim.holds]

    @property
    def zombies(self) -> list[Claim]:
        """Those first picked whose job runs again, under another claim."""
        return sorted(
            (claim for claim in self.claims if not claim.holds), key=lambda claim: claim.job.running
        )

    @property
    def lost(self) -> list[JobModel]:
        """They run on workers that may run nothing any more."""
        return [job for job in self.jobs if job.running and job.holder.lease is not Lease.COUNTS]

    @property
    def claimable(self) -> list[JobModel]:
        return [job for job in self.jobs if job.claimable]
