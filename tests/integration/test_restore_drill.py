"""The drill of docs/operations.md: a backup is taken, everything is destroyed, the backup is restored.

All rows and traces are as before, and the jobs whose messages were lost with Redis are announced again by themselves.
"""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from uuid import UUID

import psycopg
import pytest

from specreason.doorbell import Doorbell
from specreason.embedded import Servers, start_servers
from specreason.embedded.binaries import find_postgres
from specreason.settings import Settings
from specreason.store.access.visibility import Viewer
from specreason.store.migrate import VIEWS, check_schema, migrate
from specreason.store.queue.jobs import JobResult, finish
from specreason.store.read.results import ended_jobs
from specreason.store.session import Database, connect
from specreason.store.tables.states import JobState
from specreason.store.trace.writer import TraceWriter, read_steps
from tests.support.store.builders import (
    PAIR,
    accepted,
    answer,
    append_all,
    claimed,
    expire,
    job_ids,
    rejected,
    start_worker,
    submit,
)
from tests.support.store.queue_rules import broken_rules
from tests.support.store.sql import rows_of
from tests.support.workers.processes import wait_for
from worker.leader import Leader

TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
# What a view computes from the clock.
CLOCKED = ("live_worker", "worker_summary")


def program(name: str) -> str:
    found = shutil.which(find_postgres() / name)
    if found is None:
        pytest.skip(f"these Postgres programs come without {name}")
    return found


def contents(database: Database) -> dict[str, list[str]]:
    """Every row of every table and view, as text."""
    names = [name for (name,) in rows_of(database, TABLES)]
    names += [name for name in VIEWS if name not in CLOCKED]
    return {
        name: sorted(str(row[0]) for row in rows_of(database, f"SELECT v::text FROM {name} AS v"))
        for name in names
    }


@contextmanager
def deployment(folder: Path) -> Iterator[tuple[Servers, Database]]:
    with start_servers(folder) as servers:
        database = connect(servers.database_url)
        try:
            yield servers, database
        finally:
            database.dispose()


def test_a_restored_backup_has_every_row_and_trace_and_jobs_are_announced_again(tmp_path: Path) -> None:
    pg_dump, pg_restore = program("pg_dump"), program("pg_restore")
    backup = tmp_path / "backup.dump"
    with deployment(tmp_path / "first") as (servers, database):
        migrate(database)
        running, queued = asyncio.run(some_jobs(database))
        with closing(Doorbell(servers.broker_url)) as doorbell:
            doorbell.announce_due(database, PAIR, window=10)
            assert len(doorbell.waiting(PAIR)) == len(queued)
        subprocess.run(
            [pg_dump, "--format=custom", f"--file={backup}", servers.database_url], check=True, timeout=60
        )
        before = contents(database)
        traces = {job: read_steps(database, job) for (job,) in rows_of(database, "SELECT id FROM job")}
        results = list(ended_jobs(database, Viewer.EVERYONE, batch_of(database, running)))
    shutil.rmtree(tmp_path / "first")

    with deployment(tmp_path / "second") as (servers, database):
        restore = [
            pg_restore,
            "--exit-on-error",
            "--no-owner",
            f"--dbname={servers.database_url}",
            str(backup),
        ]
        subprocess.run(restore, check=True, timeout=60)
        check_schema(database)
        assert contents(database) == before
        assert len(before["step"]) == 3 * 3 + 1
        assert {job: read_steps(database, job) for job in traces} == traces
        assert list(ended_jobs(database, Viewer.EVERYONE, batch_of(database, running))) == results
        assert broken_rules(database) == []
        announced_again(servers, database, {running, *queued})


async def some_jobs(database: Database) -> tuple[UUID, tuple[UUID, ...]]:
    """Three jobs that have ended, one in the middle of its steps, and two queued ones. The ids of the last three."""
    batch_id, worker_id = submit(database, 6), start_worker(database)
    writer = TraceWriter(database)
    *ended, running = job_ids(database, batch_id)[:4]
    for job_id in ended:
        job = claimed(database, job_id, worker_id)
        await append_all(writer, job, accepted(0), rejected(1), answer(2))
        finish(database, job, JobResult(state=JobState.SUCCEEDED, answer="4"))
    await append_all(writer, claimed(database, running, worker_id), accepted(0))
    writer.close()
    return running, job_ids(database, batch_id)[4:]


def batch_of(database: Database, job_id: UUID) -> UUID:
    return UUID(str(rows_of(database, f"SELECT batch_id FROM job WHERE id = '{job_id}'")[0][0]))


def announced_again(servers: Servers, database: Database, expected: set[UUID]) -> None:
    """A new worker's leader finds the jobs of the lost worker and the lost messages."""
    with psycopg.connect(servers.database_url) as connection:
        (lost,) = connection.execute("SELECT id FROM worker").fetchone() or (None,)
    assert lost is not None
    expire(database, lost)
    start_worker(database)
    settings = Settings(republish_s=0.1, beat_s=0.05)
    with closing(Doorbell(servers.broker_url)) as doorbell:
        assert doorbell.waiting(PAIR) == []
        leader = Leader(database, doorbell, settings)

        def all_are_there() -> bool:
            leader.tick()
            return set(doorbell.waiting(PAIR)) == expected

        wait_for(all_are_there)
        leader.close()
