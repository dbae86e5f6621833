"""A batch as OpenAI defines it, and its status. Reads and writes no row.

The status follows from the batch's timestamps and its jobs, and is stored nowhere: no second copy has to agree with the
first, and a process that dies leaves no wrong status. Only the lines in the result files are counted once, when the
files are written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID


class BatchStatus(StrEnum):
    """OpenAI's eight statuses."""

    VALIDATING = "validating"  # the file is being read; there are no jobs yet
    FAILED = "failed"  # the file was refused as a whole
    IN_PROGRESS = "in_progress"
    FINALIZING = "finalizing"  # every job has ended; the results are being written
    COMPLETED = "completed"
    EXPIRED = "expired"  # the window closed before every job had ended; the others have results
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewOpenAIBatch:
    """A batch to be made. `expires_at` is the deadline of its jobs."""

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
    """Numbers of input lines. A line is completed if a repeat of it succeeded, failed if all ended without."""

    total: int = 0
    completed: int = 0
    failed: int = 0
    expired: int = 0  # lines, completed or failed, with a repeat that expired
    last_finished_at: datetime | None = None

    @property
    def num_open(self) -> int:
        return self.total - self.completed - self.failed


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Token counts. `output_tokens` are those of reasoning and answer."""

    input_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0

    @property
    def total_tokens(self) -> int:
        return self.input_tokens + self.output_tokens

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            reasoning_tokens=self.reasoning_tokens + other.reasoning_tokens,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAIBatch:
    """A batch and the counts of its lines.

    `model` is the pair of its lines, with a comma between several; None until the file is read. `usage` is the sum of
    the successful lines in the files; None if not every result is in the files.
    """

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
    model: str | None
    usage: Usage | None
    counts: LineCounts
    is_written: bool  # every result is in the files; False again once a user queues jobs again

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
        """Neither an API nor a worker has anything left to do for it."""
        return self.failed_at is not None or self.is_written
