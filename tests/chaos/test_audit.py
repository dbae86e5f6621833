"""The audit finds what it looks for: each harm is done by hand to a queue that was clean."""

from __future__ import annotations

from uuid import UUID

import pytest

from specreason.store.queue.claims import ClaimedJob
from specreason.store.queue.dispatch import expire_leases
from specreason.store.queue.jobs import JobResult, finish
from specreason.store.session import Database
from specreason.store.tables.states import JobState
from specreason.store.trace.writer import TraceWriter
from tests.chaos.audit import audit
from tests.support.store.builders import (
    accepted,
    answer,
    append_all,
    claimed,
    closed,
    expire,
    job_ids,
    start_worker,
    submit,
)
from tests.support.store.queue_rules import broken_rules
from tests.support.store.sql import execute

CLEAN = {
    "jobs": 2,
    "succeeded": 2,
    "lost": 0,
    "duplicated": 0,
    "gaps": 0,
    "stale_writes": 0,
    "overlapping": 0,
}


async def run(database: Database, job: ClaimedJob) -> None:
    """From where the job stands to its end, at step 3."""
    steps = [accepted(0), accepted(1), closed(2), answer(3)]
    writer = TraceWriter(database)
    await append_all(writer, job, *steps[job.first_step :])
    writer.close()
    assert finish(database, job, JobResult(state=JobState.SUCCEEDED))


@pytest.fixture
async def killed(database: Database) -> UUID:
    """Two jobs that succeeded, one of them by way of a worker that was lost after two steps: that worker."""
    first, second = job_ids(database, submit(database, 2))
    lost, heir = start_worker(database), start_worker(database)
    writer = TraceWriter(database)
    await append_all(writer, claimed(database, first, lost), accepted(0), accepted(1))
    writer.close()
    expire(database, lost)
    expire_leases(database)
    await run(database, claimed(database, first, heir))
    await run(database, claimed(database, second, heir))
    return lost


def test_a_clean_queue_is_found_clean(database: Database, killed: UUID) -> None:
    found = audit(database, num_submitted=2, killed=[killed])
    assert found == CLEAN | {"stale_refused": 0, "writes_refused": 0, "kills_after_a_step": 1}
    assert broken_rules(database) == []


@pytest.mark.parametrize(
    ("figure", "harm"),
    [
        ("lost", "DELETE FROM job WHERE id = (SELECT id FROM job LIMIT 1)"),
        (
            "lost",
            "UPDATE job SET state = 'queued', finished_at = NULL WHERE id = (SELECT id FROM job LIMIT 1)",
        ),
        ("lost", "DELETE FROM step WHERE index = 3"),
        ("lost", "DELETE FROM step_payload WHERE index = 1"),
        ("gaps", "DELETE FROM step WHERE index = 1"),
        ("stale_writes", "UPDATE step SET fence = 1 WHERE fence = 2 AND index = 2"),
        ("stale_writes", "UPDATE step SET created_at = now() + interval '1 h' WHERE fence = 1 AND index = 1"),
        ("overlapping", "DELETE FROM event WHERE kind = 'job_requeued'"),
        ("duplicated", "UPDATE attempt SET outcome = 'succeeded' WHERE outcome = 'lost'"),
        (
            "duplicated",
            "INSERT INTO event (job_id, kind, state) SELECT id, 'job_ended', state FROM job LIMIT 1",
        ),
    ],
)
def test_each_harm_is_seen(database: Database, killed: UUID, figure: str, harm: str) -> None:
    execute(database, harm)
    assert audit(database, num_submitted=2, killed=[killed])[figure] > 0


async def test_a_write_that_was_refused_is_counted(database: Database) -> None:
    (job_id,) = job_ids(database, submit(database))
    zombie = claimed(database, job_id, start_worker(database))
    expire(database, zombie.worker_id)
    expire_leases(database)
    claimed(database, job_id, start_worker(database))
    writer = TraceWriter(database)
    error = await writer.submit(zombie, accepted(0))
    writer.close()
    assert error is not None
    assert audit(database, num_submitted=1, killed=[])["stale_refused"] == 1
