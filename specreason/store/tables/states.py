"""The words of the queue: states of jobs, ends of attempts, kinds of events, purposes of files, scopes. No behaviour.

queued → running → succeeded | failed | cancelled | expired | dead
"""

from __future__ import annotations

from enum import StrEnum


class JobState(StrEnum):
    """Where a job stands. Counts per state always sum to the number of jobs."""

    QUEUED = "queued"  # waits for a worker, for the first time or again
    RUNNING = "running"  # claimed by a worker whose lease counts
    SUCCEEDED = "succeeded"  # the run ended by itself, with or without an answer
    FAILED = "failed"  # an error that no retry can mend
    CANCELLED = "cancelled"  # someone cancelled the job or its batch
    EXPIRED = "expired"  # its deadline passed
    DEAD = "dead"  # retries are exhausted, or too many workers died with it, the last with this job alone

    @property
    def ended(self) -> bool:
        return self not in (JobState.QUEUED, JobState.RUNNING)


OPEN = tuple(state for state in JobState if not state.ended)


class Scope(StrEnum):
    """What an API key may do."""

    SUBMIT = "submit"  # create batches and files
    READ = "read"
    CONTROL = "control"  # cancel, pause, resume, requeue, priority, deadline
    ADMIN = "admin"  # all of these, with what belongs to every owner


class AttemptOutcome(StrEnum):
    """How one attempt at a job ended. Only `error` counts towards the limit on attempts."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    ERROR = "error"  # a transient error: the job is queued again, or dead
    RELEASED = "released"  # the worker left in good order and gave the job back
    LOST = "lost"  # the worker's lease ran out


class FilePurpose(StrEnum):
    """What a file is for, in OpenAI's words."""

    BATCH = "batch"  # uploaded, to be read by batches
    BATCH_OUTPUT = "batch_output"  # what came of the lines that succeeded
    BATCH_ERROR = "batch_error"  # why the others did not


class EventKind(StrEnum):
    """One event row tells one change, written in the transaction that made it."""

    BATCH_SUBMITTED = "batch_submitted"
    BATCH_CANCELLED = "batch_cancelled"
    BATCH_PAUSED = "batch_paused"
    BATCH_RESUMED = "batch_resumed"
    JOB_CLAIMED = "job_claimed"  # queued → running
    JOB_REQUEUED = "job_requeued"  # running → queued; `outcome` says why. Ended → queued: by hand, no outcome
    JOB_ENDED = "job_ended"  # → one of the five end states, `state`
    WORKER_STARTED = "worker_started"
    WORKER_STOPPED = "worker_stopped"
    WORKER_LOST = "worker_lost"  # its lease ran out
    WRITE_REFUSED = "write_refused"  # steps under a fence that is no longer the job's; `detail` has both
