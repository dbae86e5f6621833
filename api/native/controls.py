"""What may be done to jobs that were submitted. The dispatcher announces what becomes free within a second."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import AwareDatetime, Field

from api.database import database_of
from api.door.access import CONTROL, caller_of
from specreason.store.queue import controls
from specreason.store.read.summaries import BatchSummary, JobSummary, read_batch, read_job
from specreason.store.tables.states import JobState
from specreason.validation import ClosedModel

router = APIRouter(prefix="/api", dependencies=[CONTROL])


class Deadline(ClosedModel):
    """When whatever has not ended expires; null takes a deadline off."""

    deadline_at: AwareDatetime | None


class Priority(ClosedModel):
    """Larger goes first."""

    priority: Annotated[int, Field(ge=-100, le=100)]


class Requeue(ClosedModel):
    """Which of a batch's jobs to queue again."""

    states: Annotated[tuple[JobState, ...], Field(fail_fast=True, min_length=1, max_length=len(JobState))] = (
        JobState.FAILED,
        JobState.DEAD,
    )


@router.post("/batches/{batch_id}/cancel")
def cancel_batch(request: Request, batch_id: UUID) -> BatchSummary:
    """End every job of the batch that has not ended."""
    sees_only = caller_of(request).sees_only
    controls.cancel_batch(database_of(request), batch_id, sees_only=sees_only)
    return read_batch(database_of(request), batch_id)


@router.post("/batches/{batch_id}/pause")
def pause_batch(request: Request, batch_id: UUID) -> BatchSummary:
    """Start none of the batch's jobs; those that run stop at their next step and keep what they have."""
    sees_only = caller_of(request).sees_only
    controls.pause_batch(database_of(request), batch_id, sees_only=sees_only)
    return read_batch(database_of(request), batch_id)


@router.post("/batches/{batch_id}/resume")
def resume_batch(request: Request, batch_id: UUID) -> BatchSummary:
    """Let a paused batch go on."""
    sees_only = caller_of(request).sees_only
    controls.resume_batch(database_of(request), batch_id, sees_only=sees_only)
    return read_batch(database_of(request), batch_id)


@router.post("/batches/{batch_id}/deadline")
def set_batch_deadline(request: Request, batch_id: UUID, deadline: Deadline) -> BatchSummary:
    """Give the batch's jobs that have not ended another deadline."""
    sees_only = caller_of(request).sees_only
    controls.set_batch_deadline(database_of(request), batch_id, deadline.deadline_at, sees_only=sees_only)
    return read_batch(database_of(request), batch_id)


@router.post("/batches/{batch_id}/priority")
def set_batch_priority(request: Request, batch_id: UUID, priority: Priority) -> BatchSummary:
    """Give the batch's jobs that have not ended another priority; what was announced already is not called back."""
    sees_only = caller_of(request).sees_only
    controls.set_batch_priority(database_of(request), batch_id, priority.priority, sees_only=sees_only)
    return read_batch(database_of(request), batch_id)


@router.post("/batches/{batch_id}/requeue", responses={409: {}})
def requeue_batch(request: Request, batch_id: UUID, requeue: Requeue | None = None) -> BatchSummary:
    """Queue jobs that failed or died again; they go on from their last step."""
    states = (requeue or Requeue()).states
    sees_only = caller_of(request).sees_only
    controls.requeue_batch(database_of(request), batch_id, states, sees_only=sees_only)
    return read_batch(database_of(request), batch_id)


@router.post("/jobs/{job_id}/cancel")
def cancel_job(request: Request, job_id: UUID) -> JobSummary:
    """End the job, if it has not ended."""
    sees_only = caller_of(request).sees_only
    controls.cancel_job(database_of(request), job_id, sees_only=sees_only)
    return read_job(database_of(request), job_id)


@router.post("/jobs/{job_id}/deadline")
def set_job_deadline(request: Request, job_id: UUID, deadline: Deadline) -> JobSummary:
    """Give the job another deadline, if it has not ended."""
    sees_only = caller_of(request).sees_only
    controls.set_job_deadline(database_of(request), job_id, deadline.deadline_at, sees_only=sees_only)
    return read_job(database_of(request), job_id)


@router.post("/jobs/{job_id}/requeue", responses={409: {}})
def requeue_job(request: Request, job_id: UUID) -> JobSummary:
    """Queue the job again if it failed, died, expired or was cancelled; it goes on from its last step."""
    sees_only = caller_of(request).sees_only
    controls.requeue_job(database_of(request), job_id, sees_only=sees_only)
    return read_job(database_of(request), job_id)
