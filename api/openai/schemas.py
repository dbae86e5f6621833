"""The JSON objects of OpenAI's API. Times are whole seconds since 1970, sizes are bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Literal, TypeVar

from api.ids import batch_name, file_name
from specreason.store.files.rows import FileRow
from specreason.store.openai.status import BatchStatus, OpenAIBatch, Usage
from specreason.store.tables.states import FilePurpose


@dataclass(frozen=True, slots=True, kw_only=True)
class FileObject:
    """A stored file."""

    id: str
    bytes: int
    created_at: int
    filename: str
    purpose: FilePurpose
    expires_at: int | None
    object: Literal["file"] = "file"
    status: Literal["processed"] = "processed"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileDeleted:
    """The answer to a DELETE."""

    id: str
    object: Literal["file"] = "file"
    deleted: Literal[True] = True


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchErrors:
    """The errors of a refused file, each with `code`, `line` (from 1), `message` and `param`."""

    data: Sequence[Mapping[str, Any]]
    object: Literal["list"] = "list"


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestCounts:
    """Counts of the input file's lines."""

    total: int
    completed: int
    failed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InputTokens:
    """No tokens are reported as read from a cache."""

    cached_tokens: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputTokens:
    """The part of the output that is reasoning."""

    reasoning_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchUsage:
    """The tokens of the lines in the output file."""

    input_tokens: int
    output_tokens: int
    total_tokens: int
    output_tokens_details: OutputTokens
    input_tokens_details: InputTokens = InputTokens()


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchObject:
    """A batch. Each `*_at` is null until that has happened, except `expires_at`.

    `model` is the pair of its lines, with a comma between several; null until the file is validated. `usage` is null
    until the result files are written.
    """

    id: str
    endpoint: str
    errors: BatchErrors | None
    input_file_id: str
    completion_window: str
    status: BatchStatus
    output_file_id: str | None
    error_file_id: str | None
    created_at: int
    in_progress_at: int | None
    expires_at: int
    finalizing_at: int | None
    completed_at: int | None
    failed_at: int | None
    expired_at: int | None
    cancelling_at: int | None
    cancelled_at: int | None
    request_counts: RequestCounts
    metadata: Mapping[str, str]
    model: str | None
    usage: BatchUsage | None
    object: Literal["batch"] = "batch"


Item = TypeVar("Item", FileObject, BatchObject)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[Item]):
    """A part of a list. If `has_more`, the next page begins after `last_id`."""

    data: Sequence[Item]
    first_id: str | None
    last_id: str | None
    has_more: bool
    object: Literal["list"] = "list"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelObject:
    """A pair of this deployment."""

    id: str
    created: int = 0  # a pair has no date
    object: Literal["model"] = "model"
    owned_by: Literal["specreason"] = "specreason"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelList:
    """Every pair."""

    data: Sequence[ModelObject]
    object: Literal["list"] = "list"


def page_of(items: Sequence[Item], limit: int) -> Page[Item]:
    """A page of the first `limit` items. Callers read one more item, which shows whether another page follows."""
    page = items[:limit]
    return Page(
        data=page,
        first_id=page[0].id if page else None,
        last_id=page[-1].id if page else None,
        has_more=len(items) > limit,
    )


def file_object(row: FileRow) -> FileObject:
    return FileObject(
        id=file_name(row.id),
        bytes=row.num_bytes,
        created_at=int(row.created_at.timestamp()),
        filename=row.filename,
        purpose=row.purpose,
        expires_at=seconds(row.expires_at),
    )


def batch_object(batch: OpenAIBatch) -> BatchObject:
    status = batch.status

    def ended_as(word: BatchStatus) -> int | None:
        return seconds(batch.ended_at) if status is word else None

    written = batch.is_written
    return BatchObject(
        id=batch_name(batch.id),
        endpoint=batch.endpoint,
        errors=BatchErrors(data=batch.errors) if batch.errors else None,
        input_file_id=file_name(batch.file_id),
        completion_window=batch.completion_window,
        status=status,
        output_file_id=file_name(batch.output_file_id) if written and batch.output_file_id else None,
        error_file_id=file_name(batch.error_file_id) if written and batch.error_file_id else None,
        created_at=int(batch.created_at.timestamp()),
        in_progress_at=seconds(batch.in_progress_at),
        expires_at=int(batch.expires_at.timestamp()),
        finalizing_at=None if batch.counts.num_open else seconds(batch.counts.last_finished_at),
        completed_at=ended_as(BatchStatus.COMPLETED),
        failed_at=seconds(batch.failed_at),
        expired_at=ended_as(BatchStatus.EXPIRED),
        cancelling_at=seconds(batch.cancelling_at),
        cancelled_at=ended_as(BatchStatus.CANCELLED),
        request_counts=RequestCounts(
            total=batch.counts.total, completed=batch.counts.completed, failed=batch.counts.failed
        ),
        metadata=batch.metadata,
        model=batch.model,
        usage=_usage(batch.usage),
    )


def _usage(usage: Usage | None) -> BatchUsage | None:
    if usage is None:
        return None
    return BatchUsage(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        total_tokens=usage.total_tokens,
        output_tokens_details=OutputTokens(reasoning_tokens=usage.reasoning_tokens),
    )


def seconds(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp())
