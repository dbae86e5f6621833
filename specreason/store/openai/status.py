"""A batch as OpenAI has it, and which of the eight words says how it stands. Reads and writes no row.

What such a batch is doing is read off its own moments and its jobs, and stored nowhere else: nothing has to be kept
in step, and a process that dies in between leaves nothing behind that is not so. Only what its result files hold is
counted once, when they become known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID


class BatchStatus(StrEnum):
    """OpenAI's eight words."""

    VALIDATING = "validating"  # the file is being read; it has no jobs yet
    FAILED = "failed"  # the file was refused as a whole
    IN_PROGRESS = "in_progress"
    FINALIZING = "finalizing"  # every job has ended, and the results are being written
    COMPLETED = "completed"
    EXPIRED = "expired"  # the window closed before every job had ended; results of those that had are there
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewOpenAIBatch:
    """What was asked for. `expires_at` is the deadline of its jobs."""

    file_id: UUID
    endpoint: str
    completion_window: str
    expires_at: datetime
    metadata: Mapping[str, str] = field(default_factory=dict)
    output_expires_after_s: int | None = None
    owner: str | None = None
    max_queued_jobs: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LineCounts:
    """Lines of the input. One has completed if a repeat of it succeeded, and failed if all ended and none did."""

    total: int = 0
    completed: int = 0
    failed: int = 0
    expired: int = 0  # of those that failed or completed, the ones with a repeat that came too late
    last_finished_at: datetime | None = None

    @property
    def num_open(self) -> int:
        return self.total - self.completed - self.failed


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAIBatch:
    """A batch and how its lines stand."""

    id: UUID
    owner: str | None
    file_id: UUID
    endpoint: str
    completion_window: str
    metadata: Mapping[str, str]
    output_expires_after_s: int | None
    max_queued_jobs: int | None
    created_at: datetime
    expires_at: datetime
    in_progress_at: datetime | None
    failed_at: datetime | None
    errors: Sequence[Mapping[str, Any]]
    cancelling_at: datetime | None
    finalizing_at: datetime | None
    ended_at: datetime | None
    output_file_id: UUID | None
    error_file_id: UUID | None
    counts: LineCounts
    is_written: bool  # the files hold every result; no longer so once jobs are queued again by hand

    @property
    def status(self) -> BatchStatus:
        if self.failed_at is not None:
            return BatchStatus.FAILED
        if self.cancelling_at is not None:
            return BatchStatus.CANCELLED if self.is_written else BatchStatus.CANCELLING
        if self.in_progress_at is None:
            return BatchStatus.VALIDATING
        if self.counts.num_open:
            return BatchStatus.IN_PROGRESS
        if not self.is_written:
            return BatchStatus.FINALIZING
        return BatchStatus.EXPIRED if self.counts.expired else BatchStatus.COMPLETED

    @property
    def is_settled(self) -> bool:
        """Nothing is left to do, here or in a worker."""
        return self.failed_at is not None or self.is_written
