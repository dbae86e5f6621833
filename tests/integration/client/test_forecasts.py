"""`specreason plan --from-batch`: a forecast from the rows of a batch that has run."""

from __future__ import annotations

import pytest

from specreason.client import short_id
from specreason.store.queue.jobs import JobResult, finish
from specreason.store.session import Database
from specreason.store.tables.states import JobState
from specreason.store.trace.writer import TraceWriter
from tests.support.messages import names
from tests.support.shell import Shell
from tests.support.store.builders import (
    accepted,
    answer,
    append_all,
    claimed,
    job_ids,
    rejected,
    start_worker,
    submit,
)

PLAN = ("plan", "--pair", "qwq-32b_r1-1_5b", "--gpu", "a6000x2", "--json")


async def test_a_batch_lends_its_acceptance_and_lengths(shell: Shell, database: Database) -> None:
    batch_id = submit(database, 1)
    (job_id,) = job_ids(database, batch_id)
    job = claimed(database, job_id, start_worker(database))
    writer = TraceWriter(database)
    await append_all(writer, job, accepted(0), rejected(1), accepted(2), accepted(3), answer(4))
    writer.close()
    assert finish(database, job, JobResult(state=JobState.SUCCEEDED, answer="4"))
    found = shell(*PLAN, "--from-batch", batch_id).json["forecast"]
    assert names(found["source"], "1 job", short_id(batch_id))
    (row,) = (row for row in found["rows"] if row["scheme"] == "specreason")
    assert row["acceptance"] == pytest.approx(0.75)
    # Thirteen tokens of thought and five of the answer.
    assert row["latency_s"]["high"] < 5


def test_a_batch_that_has_not_run_tells_nothing(shell: Shell, database: Database) -> None:
    ended = shell(*PLAN, "--from-batch", submit(database, 1))
    assert ended.status == 2
    assert names(ended.json["error"]["message"], "succeeded")
