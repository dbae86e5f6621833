"""Controls of submitted batches and jobs. The leader announces jobs that become free within a second."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from pydantic import AwareDatetime, Field

from api.answers.extended import extended
from api.answers.tags import Tag
from api.deployment import Store
from api.door.access import CONTROL, Viewer
from specreason.store.queue import controls
from specreason.store.read.summaries import BatchSummary, JobSummary, read_batch, read_job
from specreason.store.tables.states import JobState
from specreason.validation import ClosedModel

router = APIRouter(prefix="/api", dependencies=[CONTROL])


class Deadline(ClosedModel):
    """When jobs that have not ended expire; null removes the deadline."""

    deadline_at: AwareDatetime | None


class Priority(ClosedModel):
    """Jobs of a larger priority run first."""

    priority: Annotated[int, Field(ge=-100, le=100)]


class Requeue(ClosedModel):
    """The states of the jobs to queue again."""

    states: Annotated[tuple[JobState, ...], Field(fail_fast=True, min_length=1, max_length=len(JobState))] = (
        JobState.FAILED,
        JobState.DEAD,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlledBatch(BatchSummary):
    """The batch after a control.

    `num_changed` jobs are not as they were; of a pause or resume it is 1 if the batch was not paused, or was.
    """

    num_changed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlledJob(JobSummary):
    """The job after a control; `num_changed` is 1 if the control changed it, else 0."""

    num_changed: int


@router.post("/batches/{batch_id}/cancel", tags=[Tag.BATCHES], summary="Cancel a batch")
def cancel_batch(store: Store, viewer: Viewer, batch_id: UUID) -> ControlledBatch:
    """Cancel every job of the batch that has not ended."""
    num_changed = controls.cancel_batch(store, viewer, batch_id)
    return _batch(store, viewer, batch_id, num_changed)


@router.post("/batches/{batch_id}/pause", tags=[Tag.BATCHES], summary="Pause a batch")
def pause_batch(store: Store, viewer: Viewer, batch_id: UUID) -> ControlledBatch:
    """Start no more jobs of the batch. Running jobs stop at their next step and keep their steps."""
    num_changed = controls.pause_batch(store, viewer, batch_id)
    return _batch(store, viewer, batch_id, num_changed)


@router.post("/batches/{batch_id}/resume", tags=[Tag.BATCHES], summary="Resume a batch")
def resume_batch(store: Store, viewer: Viewer, batch_id: UUID) -> ControlledBatch:
    """Let a paused batch continue."""
    num_changed = controls.resume_batch(store, viewer, batch_id)
    return _batch(store, viewer, batch_id, num_changed)


@router.post("/batches/{batch_id}/deadline", tags=[Tag.BATCHES], summary="Set the deadline of a batch")
def set_batch_deadline(store: Store, viewer: Viewer, batch_id: UUID, deadline: Deadline) -> ControlledBatch:
    """Change the deadline of the batch's jobs that have not ended."""
    num_changed = controls.set_batch_deadline(store, viewer, batch_id, deadline.deadline_at)
    return _batch(store, viewer, batch_id, num_changed)


@router.post("/batches/{batch_id}/priority", tags=[Tag.BATCHES], summary="Set the priority of a batch")
def set_batch_priority(store: Store, viewer: Viewer, batch_id: UUID, priority: Priority) -> ControlledBatch:
    """Change the priority of the batch's jobs that have not ended. Jobs already announced keep their place."""
    num_changed = controls.set_batch_priority(store, viewer, batch_id, priority.priority)
    return _batch(store, viewer, batch_id, num_changed)


@router.post(
    "/batches/{batch_id}/requeue",
    tags=[Tag.BATCHES],
    summary="Run jobs of a batch again",
    responses={409: {}},
)
def requeue_batch(
    store: Store, viewer: Viewer, batch_id: UUID, requeue: Requeue | None = None
) -> ControlledBatch:
    """Queue failed or dead jobs again, or those in the given states. They continue after their last step."""
    num_changed = controls.requeue_batch(store, viewer, batch_id, (requeue or Requeue()).states)
    return _batch(store, viewer, batch_id, num_changed)


@router.post("/jobs/{job_id}/cancel", tags=[Tag.JOBS], summary="Cancel a job")
def cancel_job(store: Store, viewer: Viewer, job_id: UUID) -> ControlledJob:
    """Cancel the job if it has not ended."""
    num_changed = controls.cancel_job(store, viewer, job_id)
    return _job(store, viewer, job_id, num_changed)


@router.post("/jobs/{job_id}/deadline", tags=[Tag.JOBS], summary="Set the deadline of a job")
def set_job_deadline(store: Store, viewer: Viewer, job_id: UUID, deadline: Deadline) -> ControlledJob:
    """Change the job's deadline if it has not ended."""
    num_changed = controls.set_job_deadline(store, viewer, job_id, deadline.deadline_at)
    return _job(store, viewer, job_id, num_changed)


@router.post("/jobs/{job_id}/requeue", tags=[Tag.JOBS], summary="Run a job again", responses={409: {}})
def requeue_job(store: Store, viewer: Viewer, job_id: UUID) -> ControlledJob:
    """Queue the job again if it is failed, dead, expired or cancelled. It continues after its last step."""
    num_changed = controls.requeue_job(store, viewer, job_id)
    return _job(store, viewer, job_id, num_changed)


def _batch(store: Store, viewer: Viewer, batch_id: UUID, num_changed: int) -> ControlledBatch:
    return extended(ControlledBatch, read_batch(store, viewer, batch_id), num_changed=int(num_changed))


def _job(store: Store, viewer: Viewer, job_id: UUID, num_changed: int) -> ControlledJob:
    return extended(ControlledJob, read_job(store, viewer, job_id), num_changed=int(num_changed))
