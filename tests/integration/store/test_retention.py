"""Retention deletes texts of jobs that ended long ago; their numbers stay, and a reader of the texts is told."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest

from specreason.errors import InputError, NotFound, PermanentJobError
from specreason.store.access.visibility import Viewer
from specreason.store.analysis.search import search_steps
from specreason.store.migrate import VIEWS
from specreason.store.queue import controls
from specreason.store.queue.jobs import JobResult, finish
from specreason.store.read.results import ended_jobs
from specreason.store.session import Database, transaction
from specreason.store.tables.states import JobState
from specreason.store.trace import retention
from specreason.store.trace.retention import prune_texts
from specreason.store.trace.steps import read_step_rows
from specreason.store.trace.writer import TraceWriter, read_steps
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
from tests.support.store.sql import execute, rows_of, scalar
from tests.support.workers.processes import wait_for

DAY_S = 86_400.0
EVERYONE = Viewer.EVERYONE


async def ended(
    database: Database, writer: TraceWriter, num_jobs: int = 1, *, days_ago: float = 40, failed: bool = False
) -> UUID:
    """A batch whose jobs have ended with three steps each, graded, so many days ago."""
    batch_id, worker_id = submit(database, num_jobs), start_worker(database)
    for job_id in job_ids(database, batch_id):
        job = claimed(database, job_id, worker_id)
        await append_all(writer, job, accepted(0), rejected(1), answer(2))
        result = (
            JobResult(state=JobState.FAILED, error="no")
            if failed
            else JobResult(state=JobState.SUCCEEDED, answer="4")
        )
        finish(database, job, result)
    past = f"finished_at = now() - interval '{days_ago} days', graded_at = now()"
    execute(database, f"UPDATE job SET {past} WHERE batch_id = '{batch_id}'")
    return batch_id


def num_texts(database: Database) -> object:
    return scalar(database, "SELECT count(*) FROM step_payload")


def seen(database: Database) -> list[Sequence[Any]]:
    """Every row of every view, without the two columns of texts."""
    views = [name for name in VIEWS if name not in ("job_result", "live_worker", "worker_summary")]
    return [
        rows_of(
            database, f"SELECT to_jsonb(v) - 'kept_text' - 'draft_text' FROM {name} AS v ORDER BY v::text"
        )
        for name in views
    ]


async def test_texts_of_old_jobs_are_deleted_and_all_else_stays(
    database: Database, writer: TraceWriter
) -> None:
    old, new = await ended(database, writer, 3), await ended(database, writer, days_ago=2)
    views = [sorted(map(str, rows)) for rows in seen(database)]
    pruned = prune_texts(database, EVERYONE, older_than_s=30 * DAY_S)
    assert (pruned.num_jobs, pruned.num_steps, pruned.next) == (3, 9, None)
    assert pruned.num_bytes > 9 * 20
    assert [sorted(map(str, rows)) for rows in seen(database)] == views
    kept = "SELECT DISTINCT batch_id FROM step_payload JOIN job ON job.id = job_id"
    assert rows_of(database, kept) == [(new,)]
    assert scalar(database, f"SELECT count(answer) FROM job WHERE batch_id = '{old}'") == 3


async def test_a_dry_run_counts_the_same_and_deletes_nothing(database: Database, writer: TraceWriter) -> None:
    await ended(database, writer, 2)
    told = prune_texts(database, EVERYONE, older_than_s=DAY_S, dry_run=True)
    assert num_texts(database) == 6
    assert prune_texts(database, EVERYONE, older_than_s=DAY_S) == told
    assert prune_texts(database, EVERYONE, older_than_s=DAY_S).num_jobs == 0


async def test_a_deletion_that_is_broken_off_goes_on(
    database: Database, writer: TraceWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each portion here has one job, since two would have more steps than one transaction may."""
    monkeypatch.setattr(retention, "STEPS", 4)
    await ended(database, writer, 3)
    first = prune_texts(database, EVERYONE, older_than_s=DAY_S, budget_s=0)
    assert (first.num_jobs, num_texts(database)) == (1, 6)
    second = prune_texts(database, EVERYONE, older_than_s=DAY_S, after=first.next, budget_s=0)
    assert (second.num_jobs, num_texts(database)) == (1, 3)
    rest = prune_texts(database, EVERYONE, older_than_s=DAY_S)
    assert (rest.num_jobs, rest.next, num_texts(database)) == (1, None, 0)


async def test_one_batch_alone_is_pruned_if_it_is_named(database: Database, writer: TraceWriter) -> None:
    batch_id = await ended(database, writer)
    await ended(database, writer)
    assert prune_texts(database, EVERYONE, older_than_s=DAY_S, batch_id=batch_id).num_jobs == 1
    assert num_texts(database) == 3
    with pytest.raises(NotFound):
        prune_texts(database, Viewer.of("ada"), older_than_s=DAY_S, batch_id=batch_id)
    assert prune_texts(database, Viewer.of("ada"), older_than_s=DAY_S).num_jobs == 0


async def test_what_is_still_needed_stays(database: Database, writer: TraceWriter) -> None:
    """Running jobs, answers without a grade, and OpenAI batches without their files."""
    job = claimed(database, job_ids(database, submit(database))[0], start_worker(database))
    await append_all(writer, job, accepted(0))
    ungraded, of_openai = await ended(database, writer), await ended(database, writer)
    execute(database, f"UPDATE job SET gradable = true, graded_at = NULL WHERE batch_id = '{ungraded}'")
    execute(
        database,
        f"""
        INSERT INTO file (id, filename, purpose, num_bytes, sha256) VALUES ('{ungraded}', 'f', 'batch', 1, 'x');
        INSERT INTO openai_batch (id, file_id, endpoint, completion_window, expires_at)
        VALUES ('{of_openai}', '{ungraded}', '/v1/chat/completions', '24h', now());
        UPDATE batch SET openai_batch_id = '{of_openai}' WHERE id = '{of_openai}'
        """,
    )
    assert prune_texts(database, EVERYONE, older_than_s=0).num_jobs == 0
    execute(database, "UPDATE openai_batch SET ended_at = now(); UPDATE job SET graded_at = now()")
    assert prune_texts(database, EVERYONE, older_than_s=0, batch_id=of_openai).num_jobs == 0, "queued again"
    execute(database, "UPDATE openai_batch SET num_completed = 1, num_failed = 0, num_expired = 0")
    assert prune_texts(database, EVERYONE, older_than_s=0).num_jobs == 2
    assert num_texts(database) == 1


async def test_texts_stay_if_jobs_of_their_openai_batch_are_queued_again_at_the_same_moment(
    database: Database, writer: TraceWriter
) -> None:
    """Its result files are written again then, with the texts of all its jobs."""
    batch_id = await ended(database, writer)
    execute(
        database,
        f"""
        INSERT INTO file (id, filename, purpose, num_bytes, sha256) VALUES ('{batch_id}', 'f', 'batch', 1, 'x');
        INSERT INTO openai_batch (id, file_id, endpoint, completion_window, expires_at, num_completed)
        VALUES ('{batch_id}', '{batch_id}', '/v1/chat/completions', '24h', now(), 1);
        UPDATE batch SET openai_batch_id = '{batch_id}' WHERE id = '{batch_id}'
        """,
    )
    with ThreadPoolExecutor(1) as pool:
        with transaction(database) as connection:
            controls._lock(connection, batch_id)
            controls._reopen_results(connection, batch_id)
            deletion = pool.submit(prune_texts, database, EVERYONE, older_than_s=DAY_S)
            waits = "SELECT count(*) FROM pg_locks WHERE NOT granted"
            wait_for(lambda: deletion.done() or scalar(database, waits) == 1)
        assert deletion.result().num_jobs == 0
    assert num_texts(database) == 3


async def test_readers_are_told_that_texts_were_deleted(database: Database, writer: TraceWriter) -> None:
    batch_id = await ended(database, writer)
    (job_id,) = job_ids(database, batch_id)
    before = read_step_rows(database, EVERYONE, job_id).rows
    prune_texts(database, EVERYONE, older_than_s=DAY_S)
    after = read_step_rows(database, EVERYONE, job_id).rows
    assert [(row.index, row.score, row.kept_tokens, row.draft_latency_s) for row in after] == [
        (row.index, row.score, row.kept_tokens, row.draft_latency_s) for row in before
    ]
    assert [(row.kept_text, row.draft_text, row.written_text) for row in after] == [(None,) * 3] * 3
    (result,) = ended_jobs(database, EVERYONE, batch_id)
    assert (result.texts_deleted, result.reasoning, result.answer) == (True, "", "4")
    assert search_steps(database, EVERYONE, batch_id, "2 + 2").rows == ()
    with pytest.raises(PermanentJobError, match="texts of its steps were deleted"):
        read_steps(database, job_id)


async def test_a_job_without_its_texts_cannot_be_queued_again(
    database: Database, writer: TraceWriter
) -> None:
    batch_id = await ended(database, writer, 2, failed=True)
    first, second = job_ids(database, batch_id)
    execute(database, f"UPDATE job SET finished_at = now() WHERE id = '{second}'")
    prune_texts(database, EVERYONE, older_than_s=DAY_S)
    with pytest.raises(InputError, match="texts"):
        controls.requeue_job(database, EVERYONE, first)
    assert controls.requeue_batch(database, EVERYONE, batch_id) == 1
    states = "SELECT state FROM job ORDER BY id"
    assert [state for (state,) in rows_of(database, states)] == ["failed", "queued"]
    with pytest.raises(InputError, match="texts"):
        controls.requeue_batch(database, EVERYONE, batch_id)
