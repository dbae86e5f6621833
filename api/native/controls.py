"""What may be done to jobs that were submitted. The leader announces what becomes free within a second."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from pydantic import AwareDatetime, Field

from api.deployment import Store
from api.door.access import CONTROL, Viewer
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
def cancel_batch(store: Store, viewer: Viewer, batch_id: UUID) -> BatchSummary:
    """End every job of the batch that has not ended."""
    controls.cancel_batch(store, viewer, batch_id)
    return read_batch(store, viewer, batch_id)


@router.post("/batches/{batch_id}/pause")
def pause_batch(store: Store, viewer: Viewer, batch_id: UUID) -> BatchSummary:
    """Start none of the batch's jobs; those that run stop at their next step and keep what they have."""
    controls.pause_batch(store, viewer, batch_id)
    return read_batch(store, viewer, batch_id)


@router.post("/batches/{batch_id}/resume")
def resume_batch(store: Store, viewer: Viewer, batch_id: UUID) -> BatchSummary:
    """Let a paused batch go on."""
    controls.resume_batch(store, viewer, batch_id)
    return read_batch(store, viewer, batch_id)


@router.post("/batches/{batch_id}/deadline")
def set_batch_deadline(store: Store, viewer: Viewer, batch_id: UUID, deadline: Deadline) -> BatchSummary:
    """Give the batch's jobs that have not ended another deadline."""
    controls.set_batch_deadline(store, viewer, batch_id, deadline.deadline_at)
    return read_batch(store, viewer, batch_id)


@router.post("/batches/{batch_id}/priority")
def set_batch_priority(store: Store, viewer: Viewer, batch_id: UUID, priority: Priority) -> BatchSummary:
    """Give the batch's jobs that have not ended another priority; what was announced already is not called back."""
    controls.set_batch_priority(store, viewer, batch_id, priority.priority)
    return read_batch(store, viewer, batch_id)


@router.post("/batches/{batch_id}/requeue", responses={409: {}})
def requeue_batch(
    store: Store, viewer: Viewer, batch_id: UUID, requeue: Requeue | None = None
) -> BatchSummary:
    """Queue jobs that failed or died again; they go on from their last step."""
    controls.requeue_batch(store, viewer, batch_id, (requeue or Requeue()).states)
    return read_batch(store, viewer, batch_id)


@router.post("/jobs/{job_id}/cancel")
def cancel_job(store: Store, viewer: Viewer, job_id: UUID) -> JobSummary:
    """End the job, if it has not ended."""
    controls.cancel_job(store, viewer, job_id)
    return read_job(store, viewer, job_id)


@router.post("/jobs/{job_id}/deadline")
def set_job_deadline(store: Store, viewer: Viewer, job_id: UUID, deadline: Deadline) -> JobSummary:
    """Give the job another deadline, if it has not ended."""
    controls.set_job_deadline(store, viewer, job_id, deadline.deadline_at)
    return read_job(store, viewer, job_id)


@router.post("/jobs/{job_id}/requeue", responses={409: {}})
def requeue_job(store: Store, viewer: Viewer, job_id: UUID) -> JobSummary:
    """Queue the job again if it failed, died, expired or was cancelled; it goes on from its last step."""
    controls.requeue_job(store, viewer, job_id)
    return read_job(store, viewer, job_id)
