"""The trace writer: when a step is durable, which claims may write one, and that it is read as it was written."""

from __future__ import annotations

import asyncio
import dataclasses

import pytest
from sqlalchemy import text

from specreason.errors import LeaseLost, NotFound, PermanentJobError, StoreUnavailable
from specreason.reasoning.steps import Decision
from specreason.store.access.visibility import Viewer
from specreason.store.queue.controls import cancel_batch
from specreason.store.queue.dispatch import expire_leases
from specreason.store.queue.jobs import release
from specreason.store.read.pages import Page
from specreason.store.session import Database
from specreason.store.trace.steps import read_step_rows
from specreason.store.trace.writer import TraceWriter, read_steps
from tests.support.messages import naming
from tests.support.store.builders import (
    accepted,
    answer,
    claim_one,
    claimed,
    closed,
    completion,
    expire,
    job_ids,
    rejected,
    start_worker,
    submit,
)
from tests.support.store.sql import execute, scalar

BLOCK_WRITES = "LOCK TABLE step IN EXCLUSIVE MODE"  # readers go on, writers wait


async def test_steps_come_back_as_they_went_in(database: Database, writer: TraceWriter) -> None:
    job = claim_one(database)
    records = (
        accepted(0),
        accepted(1, "Größe ≠ 数 🧮 \\n \"quoted\" 'x' %s :rows\t\n\n"),
        rejected(2),
        rejected(3, digit=None),
        closed(4),
        answer(5),
        dataclasses.replace(
            answer(6),
            decision=Decision.BASE_ONLY,
            kept_ids=(),
            kept_text="",
            written=completion("", ids=(0,)),
        ),
    )
    sink = writer.sink(job)
    for record in records:
        await sink.append(record)
    await sink.flush()
    assert read_steps(database, job.job_id) == records


@pytest.mark.parametrize(
    ("said", "stored"),
    [("a\0b", "a\ufffdb"), ("half \ud83e", "half \ufffd"), ("both \ud83e\uddee", "both \U0001f9ee")],
)
async def test_text_that_postgres_cannot_hold_is_marked_and_the_ids_stay(
    database: Database, writer: TraceWriter, said: str, stored: str
) -> None:
    job = claim_one(database)
    sink = writer.sink(job)
    await sink.append(accepted(0, said))
    await sink.flush()
    (step,) = read_steps(database, job.job_id)
    assert step.kept_text == stored
    assert step.kept_ids == accepted(0).kept_ids


async def test_append_returns_once_the_step_before_is_durable(
    database: Database, writer: TraceWriter
) -> None:
    job = claim_one(database)
    sink = writer.sink(job)
    with database.connect() as blocker:
        blocker.execute(text(BLOCK_WRITES))
        await asyncio.wait_for(sink.append(accepted(0)), timeout=1)
        second = asyncio.create_task(sink.append(rejected(1)))
        await asyncio.sleep(0.3)
        assert not second.done()
        assert read_steps(database, job.job_id) == ()
        blocker.rollback()
        await asyncio.wait_for(second, timeout=5)
    assert read_steps(database, job.job_id)[:1] == (accepted(0),)
    await sink.flush()
    assert read_steps(database, job.job_id) == (accepted(0), rejected(1))


async def test_what_waits_during_a_commit_is_written_together(
    database: Database, writer: TraceWriter
) -> None:
    worker_id = start_worker(database)
    jobs = [claimed(database, job_id, worker_id) for job_id in job_ids(database, submit(database, 8))]
    sinks = [writer.sink(job) for job in jobs]
    with database.connect() as blocker:
        blocker.execute(text(BLOCK_WRITES))
        for sink in sinks:
            await sink.append(accepted(0))
        await asyncio.sleep(0.1)
        blocker.rollback()
    await asyncio.gather(*(sink.flush() for sink in sinks))
    assert scalar(database, "SELECT count(*) FROM step") == 8
    # The first may have gone alone before the others were there.
    assert scalar(database, "SELECT count(DISTINCT xmin::text) FROM step") in (1, 2)


async def test_a_late_writer_with_an_old_fence_writes_nothing(
    database: Database, writer: TraceWriter
) -> None:
    job = claim_one(database)
    stale = writer.sink(job)
    await stale.append(accepted(0))
    await stale.flush()
    expire(database, job.worker_id)
    expire_leases(database)
    again = claimed(database, job.job_id, start_worker(database))
    await stale.append(accepted(1))
    with pytest.raises(LeaseLost):
        await stale.flush()
    with pytest.raises(LeaseLost):
        await stale.append(accepted(2))
    fresh = writer.sink(again)
    await fresh.append(rejected(1))
    await fresh.flush()
    assert read_steps(database, job.job_id) == (accepted(0), rejected(1))


async def test_a_writer_that_waited_behind_a_claim_is_refused(
    database: Database, writer: TraceWriter
) -> None:
    job = claim_one(database)
    sink = writer.sink(job)
    with database.connect() as claimant:  # as a claim does: raise the fence, and only then commit
        claimant.execute(text(f"UPDATE job SET fence = fence + 1 WHERE id = '{job.job_id}'"))
        await sink.append(accepted(0))
        await asyncio.sleep(0.2)
        claimant.commit()
    with pytest.raises(LeaseLost):
        await sink.flush()
    assert read_steps(database, job.job_id) == ()


async def test_one_stale_fence_leaves_the_others_of_its_commit_alone(
    database: Database, writer: TraceWriter
) -> None:
    worker_id = start_worker(database)
    batch_id = submit(database, 3)
    jobs = [claimed(database, job_id, worker_id) for job_id in job_ids(database, batch_id)]
    assert release(database, jobs[1])
    sinks = [writer.sink(job) for job in jobs]
    with database.connect() as blocker:
        blocker.execute(text(BLOCK_WRITES))
        for sink in sinks:
            await sink.append(accepted(0))
        blocker.rollback()
    results = await asyncio.gather(*(sink.flush() for sink in sinks), return_exceptions=True)
    assert [type(result) for result in results] == [type(None), LeaseLost, type(None)]
    assert [len(read_steps(database, job.job_id)) for job in jobs] == [1, 0, 1]


async def test_a_row_that_breaks_a_rule_fails_its_own_job_only(
    database: Database, writer: TraceWriter
) -> None:
    worker_id = start_worker(database)
    jobs = [claimed(database, job_id, worker_id) for job_id in job_ids(database, submit(database, 3))]
    sinks = [writer.sink(job) for job in jobs]
    wrong = dataclasses.replace(accepted(0), author=None)
    with database.connect() as blocker:
        blocker.execute(text(BLOCK_WRITES))
        for sink, record in zip(sinks, (accepted(0), wrong, rejected(0)), strict=True):
            await sink.append(record)
        blocker.rollback()
    results = await asyncio.gather(*(sink.flush() for sink in sinks), return_exceptions=True)
    assert [type(result) for result in results] == [type(None), PermanentJobError, type(None)]
    assert "author_unless_closed" in str(results[1])


async def test_a_cancelled_job_gets_no_further_step(database: Database, writer: TraceWriter) -> None:
    job = claim_one(database)
    sink = writer.sink(job)
    await sink.append(accepted(0))
    await sink.flush()
    cancel_batch(database, Viewer.EVERYONE, job.batch_id)
    await sink.append(accepted(1))
    with pytest.raises(LeaseLost):
        await sink.flush()
    assert len(read_steps(database, job.job_id)) == 1


async def test_a_step_written_twice_is_there_once(database: Database, writer: TraceWriter) -> None:
    job = claim_one(database)
    for _ in range(2):  # as after a commit whose answer was lost
        assert await writer.submit(job, accepted(0)) is None
    assert scalar(database, "SELECT count(*) FROM step") == 1
    assert scalar(database, "SELECT count(*) FROM step_payload") == 1


async def test_a_step_out_of_order_is_refused(database: Database, writer: TraceWriter) -> None:
    sink = writer.sink(claim_one(database))
    await sink.append(accepted(0))
    with pytest.raises(ValueError, match=naming("step 2", "step 0")):
        await sink.append(accepted(2))


async def test_a_lost_connection_is_opened_again(database: Database, writer: TraceWriter) -> None:
    sink = writer.sink(claim_one(database))
    for index in range(3):
        await sink.append(accepted(index))
        execute(
            database,
            """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
               WHERE datname = current_database() AND pid <> pg_backend_pid()""",
        )
    await sink.flush()
    assert scalar(database, "SELECT count(*) FROM step") == 3


async def test_a_database_that_stays_away_fails_the_sink(
    database: Database, administration: Database
) -> None:
    writer = TraceWriter(database, give_up_after_s=0.3)
    sink = writer.sink(claim_one(database))
    name = database.url.database
    with administration.connect() as connection:
        connection.execute(text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false"))
        connection.execute(
            text(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
        )
        await sink.append(accepted(0))
        with pytest.raises(StoreUnavailable, match="not currently accepting connections"):
            await sink.flush()
        with pytest.raises(StoreUnavailable):  # for good: a gap must not be stored behind it
            await sink.append(accepted(1))
    await asyncio.to_thread(writer.close)


async def test_close_writes_what_waits_and_refuses_what_follows(database: Database) -> None:
    writer = TraceWriter(database)
    job = claim_one(database)
    sink = writer.sink(job)
    await sink.append(accepted(0))
    await asyncio.to_thread(writer.close)
    assert read_steps(database, job.job_id) == (accepted(0),)
    with pytest.raises(StoreUnavailable):
        await sink.append(accepted(1))


async def test_cancelling_the_caller_does_not_cancel_the_write(
    database: Database, writer: TraceWriter
) -> None:
    job = claim_one(database)
    sink = writer.sink(job)
    with database.connect() as blocker:
        blocker.execute(text(BLOCK_WRITES))
        await sink.append(accepted(0))
        impatient = asyncio.create_task(sink.flush())
        await asyncio.sleep(0.05)
        impatient.cancel()
        blocker.rollback()
    await sink.flush()
    assert read_steps(database, job.job_id) == (accepted(0),)


async def test_steps_are_read_in_pages(
    database: Database, writer: TraceWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = claim_one(database)
    sink = writer.sink(job)
    for index in range(5):
        await sink.append(accepted(index))
    await sink.flush()
    page = read_step_rows(database, Viewer.EVERYONE, job.job_id, after=1, limit=2)
    assert ([row.index for row in page.rows], page.has_more) == ([2, 3], True)
    assert {row.fence for row in page.rows} == {job.fence}
    last = read_step_rows(database, Viewer.EVERYONE, job.job_id, after=2, limit=2)
    assert ([row.index for row in last.rows], last.has_more) == ([3, 4], False)
    monkeypatch.setattr("specreason.store.read.pages.PAGE_BYTES", 1)
    long = read_step_rows(database, Viewer.EVERYONE, job.job_id, after=2)
    assert ([row.index for row in long.rows], long.has_more) == ([3], True)
    assert read_step_rows(database, Viewer.EVERYONE, job.job_id, after=4) == Page(rows=(), has_more=False)
    with pytest.raises(NotFound):
        read_step_rows(database, Viewer.EVERYONE, job.batch_id)
