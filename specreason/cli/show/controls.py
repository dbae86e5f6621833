"""What a control did, in words: how many jobs it changed, or why nothing was left to change.

An older server does not say how many it changed (`num_changed` is None): then only the present state is told.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from specreason.cli.show.batches import counts_in_words
from specreason.client import Batch, Job
from specreason.words import counted

STATES_OF_RETRY = ("failed", "dead")
VERB_OF = {"failed": "failed", "dead": "died", "cancelled": "was cancelled", "expired": "expired"}


def cancelled(batch: Batch) -> str:
    """Return what a cancellation did."""
    if batch.num_changed is None:
        return counts_in_words(batch)
    if not batch.num_changed:
        return f"nothing left to cancel: {_all_ended(batch)}"
    before = batch.num_jobs - batch.num_changed
    return f"cancelled {counted(batch.num_changed, 'job')}" + (f"; {before} had ended" if before else "")


def paused(batch: Batch) -> str:
    """Return what a pause did."""
    if batch.num_changed is None:
        return counts_in_words(batch)
    if not batch.num_changed:
        return "already paused"
    if batch.ended:
        return f"paused, but {_all_ended(batch)}; those that are queued again will wait"
    return f"paused with {_left(batch)}"


def resumed(batch: Batch) -> str:
    """Return what a resume did."""
    if batch.num_changed is None:
        return counts_in_words(batch)
    if not batch.num_changed:
        return "not paused"
    return f"resumed, but {_all_ended(batch)}" if batch.ended else f"resumed with {_left(batch)}"


def regraded(batch: Batch, command: str) -> str:
    """Return what a regrade did. `command` waits for the grades."""
    if not batch.num_changed:
        return "no job with a gold answer has succeeded yet; those to come are graded so"
    are = "is" if batch.num_changed == 1 else "are"
    old = "; until then the old grades count" if batch.num_regrading else ""
    return f"{counted(batch.num_changed, 'answer')} {are} graded again{old}. {command} waits for that"


def requeued(batch: Batch, states: Sequence[str] = STATES_OF_RETRY) -> str:
    """Return what queueing jobs in `states` again did."""
    if batch.num_changed is None:
        return counts_in_words(batch)
    if not batch.num_changed:
        verbs = " or ".join(VERB_OF.get(state, f"is {state}") for state in states)
        return f"nothing to {'retry' if tuple(states) == STATES_OF_RETRY else 'queue again'}: no job {verbs}"
    are = "is" if batch.num_changed == 1 else "are"
    held = ", and wait until the batch is resumed" if batch.paused_at is not None else ""
    return f"{counted(batch.num_changed, 'job')} {are} queued again{held}"


def moved(batch: Batch) -> str:
    """Return what another priority did."""
    if batch.num_changed is None:
        return counts_in_words(batch)
    if batch.num_changed:
        return f"priority {batch.priority} for {counted(batch.num_changed, 'job')}"
    return (
        f"no job to move: {_all_ended(batch)}" if batch.ended else f"the priority is {batch.priority} already"
    )


def due(batch: Batch, at: datetime | None) -> str:
    """Return what another deadline did; `at` is the deadline asked for."""
    if batch.num_changed is None:
        return counts_in_words(batch)
    if batch.ended and not batch.num_changed:
        return f"no job left to expire: {_all_ended(batch)}"
    num_open = batch.num_changed if batch.ended else batch.num_jobs - batch.num_ended
    if at is not None and _is_past(at):
        expire = "expires" if num_open == 1 else "expire"
        return f"the deadline is past: {counted(num_open, 'job')} {expire} now"
    if not batch.num_changed:
        return "the deadline is that already" if at is not None else "there was no deadline"
    if at is None:
        return f"no deadline for {counted(batch.num_changed, 'job')}"
    return f"{counted(batch.num_changed, 'job')} must end by {at.astimezone():%Y-%m-%d %H:%M:%S}"


def job_cancelled(job: Job) -> str:
    """Return what the cancellation of a job did."""
    return f"nothing to cancel: it has ended ({job.state})" if job.num_changed == 0 else job.state


def job_requeued(job: Job) -> str:
    """Return what queueing a job again did."""
    if job.num_changed != 0:
        return job.state
    is_open = job.state in ("queued", "running")
    return f"nothing to retry: it {'is' if is_open else 'has'} {job.state}"


def job_due(job: Job, at: datetime | None) -> str:
    """Return what another deadline of a job did; `at` is the deadline asked for."""
    if job.num_changed == 0 and job.finished_at is not None:
        return f"nothing left to expire: it has ended ({job.state})"
    if at is not None and _is_past(at):
        return "the deadline is past: it expires now"
    if job.num_changed == 0:
        return "the deadline is that already" if at is not None else "there was no deadline"
    return f"{job.state}, no deadline" if at is None else f"must end by {at.astimezone():%Y-%m-%d %H:%M:%S}"


def _left(batch: Batch) -> str:
    return f"{batch.num_jobs - batch.num_ended:,} of {counted(batch.num_jobs, 'job')} left"


def _all_ended(batch: Batch) -> str:
    return "its job has ended" if batch.num_jobs == 1 else f"all {batch.num_jobs:,} jobs have ended"


def _is_past(at: datetime) -> bool:
    return at.astimezone(UTC) <= datetime.now(UTC)
