"""The words of the tables: states of jobs, outcomes of attempts, kinds of events, purposes of files, scopes.

queued → running → succeeded | failed | cancelled | expired | dead
"""

from __future__ import annotations

from enum import StrEnum


class JobState(StrEnum):
    """The state of a job. The counts of all states sum to the number of jobs."""

    QUEUED = "queued"  # it waits for a worker, for the first time or again
    RUNNING = "running"  # a worker has claimed it
    SUCCEEDED = "succeeded"  # the run ended by itself, with or without an answer
    FAILED = "failed"  # an error that no retry can mend
    CANCELLED = "cancelled"  # a user cancelled the job or its batch
    EXPIRED = "expired"  # its deadline passed
    DEAD = "dead"  # no retry is left, or too many workers were lost with it, the last with this job alone

    @property
    def ended(self) -> bool:
        return self not in (JobState.QUEUED, JobState.RUNNING)


OPEN = tuple(state for state in JobState if not state.ended)


class Scope(StrEnum):
    """The permissions of an API key."""

    SUBMIT = "submit"  # create batches and files
    READ = "read"
    CONTROL = "control"  # cancel, pause, resume, requeue, priority, deadline
    ADMIN = "admin"  # all of these, on the batches and files of every owner


class AttemptOutcome(StrEnum):
    """The outcome of one attempt at a job. Only `error` counts towards the limit on attempts."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    ERROR = "error"  # a transient error: the job is queued again, or dead
    RELEASED = "released"  # the worker gave the job back before it stopped
    LOST = "lost"  # the worker's lease ran out


class FilePurpose(StrEnum):
    """The purpose of a file, in OpenAI's words."""

    BATCH = "batch"  # uploaded, to be read by batches
    BATCH_OUTPUT = "batch_output"  # the results of the lines that succeeded
    BATCH_ERROR = "batch_error"  # the errors of the other lines


class EventKind(StrEnum):
    """One row of `event` records one change, and is written in the transaction that makes the change."""

    BATCH_SUBMITTED = "batch_submitted"
    BATCH_CANCELLED = "batch_cancelled"
    BATCH_PAUSED = "batch_paused"
    BATCH_RESUMED = "batch_resumed"
    JOB_CLAIMED = "job_claimed"  # queued → running
    JOB_REQUEUED = (
        "job_requeued"  # running → queued, `outcome` says why; or ended → queued by a user, no outcome
    )
    JOB_ENDED = "job_ended"  # → one of the five end states: `state`
    WORKER_STARTED = "worker_started"
    WORKER_STOPPED = "worker_stopped"
    WORKER_LOST = "worker_lost"  # its lease ran out
    WRITE_REFUSED = (
        "write_refused"  # a step of an old fence; `detail` has the fence and the index of the step
    )
    BATCH_REGRADED = "batch_regraded"  # `detail` has the grader, and how many gold answers are new
