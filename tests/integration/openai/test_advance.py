"""The API's own work on OpenAI's batches: sweeps, results that replace results, files that must stay."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from openai import ConflictError, NotFoundError, OpenAI
from sqlalchemy.event import listens_for

from api.deployment import Deployment
from api.housekeeping import Housekeeping
from api.ids import to_batch_id, to_file_id
from api.openai.advance import BatchAdvancer
from specreason.embedded import Servers
from specreason.store.access.visibility import Viewer
from specreason.store.files.rows import NewFile, unknown_files
from specreason.store.openai.batches import (
    batches_of,
    end_openai_batch,
    insert_openai_batch,
    list_openai_batches,
    mark_cancelling,
    read_openai_batch,
    unsettled_batches,
)
from specreason.store.openai.status import BatchStatus, NewOpenAIBatch
from specreason.store.queue.controls import requeue_batch, requeue_job
from specreason.store.queue.jobs import JobResult
from specreason.store.session import Database, transaction
from specreason.store.tables.states import FilePurpose, JobState
from tests.support.api.apps import scripted_app
from tests.support.api.live import serving
from tests.support.api.openai import create, lines_of, num_jobs, reaches
from tests.support.api.openai_builders import ENDPOINT, end_all, jsonl, line, succeeded
from tests.support.store.full_disk import full_disk
from tests.support.store.sql import execute, rows_of
from tests.support.workers.processes import wait_for

FAILED = JobResult(state=JobState.FAILED, error="no")


@pytest.fixture
def app(servers: Servers, database: Database, tmp_path: Path) -> FastAPI:
    return scripted_app(servers, database, tmp_path, max_jobs=5)


@contextmanager
def another_api(app: FastAPI) -> Iterator[None]:
    """The regular work of another API process."""
    here: Deployment = app.state.deployment
    advancer = BatchAdvancer(here.database, here.folder, here.doorbell, here.pairs, here.settings)
    housekeeping = Housekeeping(here.database, here.folder, advancer, every_s=0.1)
    housekeeping.start()
    try:
        yield
    finally:
        housekeeping.close()
        advancer.close()


def test_results_that_newer_ones_replace_are_gone(app: FastAPI, openai: OpenAI, database: Database) -> None:
    made = create(openai, jsonl([line("a"), line("b")]))
    reaches(openai, made.id, "in_progress")
    end_all(database, lambda number: FAILED if number else succeeded(number))
    first = reaches(openai, made.id, "completed")
    seen = read_openai_batch(database, Viewer.EVERYONE, to_batch_id(made.id))
    (failed,) = rows_of(database, "SELECT id FROM job WHERE state = 'failed'")
    requeue_job(database, Viewer.EVERYONE, failed[0])
    end_all(database, succeeded)
    done = reaches(openai, made.id, "completed")
    assert len(lines_of(openai, done.output_file_id)) == 2
    for gone in (first.output_file_id, first.error_file_id):
        with pytest.raises(NotFoundError):
            openai.files.retrieve(gone or "")
    # A process that read the batch before the newer results does not replace them with its own.
    with app.state.deployment.folder.new() as content:
        stale = NewFile(content=content.keep(ExitStack()), filename="x", purpose=FilePurpose.BATCH_OUTPUT)
    assert not end_openai_batch(database, seen, output=stale)
    assert openai.batches.retrieve(made.id) == done
    assert unknown_files(database, [stale.content.file_id])


def test_a_batch_is_advanced_although_no_client_polls_it(
    app: FastAPI, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    swept = threading.Event()

    def sweep(database: Database) -> tuple[UUID, ...]:
        found = unsettled_batches(database)
        swept.set()
        return found

    monkeypatch.setattr("api.openai.advance.unsettled_batches", sweep)
    with serving(app) as url, OpenAI(base_url=f"{url}/v1", api_key="x") as openai:
        made = create(openai, jsonl([line("a")]))
        reaches(openai, made.id, "in_progress")

    def is_written() -> bool:
        return (
            read_openai_batch(database, Viewer.EVERYONE, to_batch_id(made.id)).status is BatchStatus.COMPLETED
        )

    with another_api(app):
        assert swept.wait(60)  # the first sweep finds nothing to do
        end_all(database, lambda number: FAILED)
        wait_for(is_written)
        requeue_batch(database, Viewer.EVERYONE, batches_of(database, to_batch_id(made.id))[0])
        assert not is_written()
        end_all(database, succeeded)
        wait_for(is_written)


def test_a_sweep_finds_a_batch_where_there_is_something_to_do(
    app: FastAPI, openai: OpenAI, database: Database
) -> None:
    made, failed = (create(openai, content) for content in (jsonl([line("a"), line("b")]), b"x"))
    reaches(openai, failed.id, "failed")
    reaches(openai, made.id, "in_progress")
    app.state.deployment.advancer.close()
    batch_id = to_batch_id(made.id)
    assert not unsettled_batches(database)
    end_all(database, lambda number: FAILED, leave=1)
    assert not unsettled_batches(database)
    mark_cancelling(database, Viewer.EVERYONE, batch_id)
    assert unsettled_batches(database) == (batch_id,)
    end_all(database, succeeded)
    assert unsettled_batches(database) == (batch_id,)
    assert end_openai_batch(database, read_openai_batch(database, Viewer.EVERYONE, batch_id))
    assert not unsettled_batches(database)
    requeue_batch(database, Viewer.EVERYONE, batches_of(database, batch_id)[0])
    assert not unsettled_batches(database)
    end_all(database, succeeded)
    assert unsettled_batches(database) == (batch_id,)


def test_a_batch_that_has_ended_is_shown_without_a_look_at_its_jobs(
    openai: OpenAI, database: Database
) -> None:
    made = create(openai, jsonl([line(name, n=2) for name in "ab"]))
    reaches(openai, made.id, "in_progress")
    end_all(database, lambda number: FAILED if number else succeeded(number), leave=2)
    reaches(openai, openai.batches.cancel(made.id).id, "cancelled")
    statements: list[str] = []

    @listens_for(database, "before_cursor_execute")
    def keep(*call: Any) -> None:
        statements.append(call[2])

    shown = read_openai_batch(database, Viewer.EVERYONE, to_batch_id(made.id))
    assert [shown] == list(list_openai_batches(database, Viewer.EVERYONE))
    assert (shown.counts.total, shown.counts.completed, shown.counts.failed) == (2, 1, 1)
    assert statements
    assert not [each for each in statements if "JOIN job" in each]


@pytest.mark.parametrize("ends_again", [False, True])
def test_results_are_not_made_known_if_jobs_were_queued_again_meanwhile(
    app: FastAPI, openai: OpenAI, database: Database, ends_again: bool
) -> None:
    made = create(openai, jsonl([line("a"), line("b")]))
    reaches(openai, made.id, "in_progress")
    app.state.deployment.advancer.close()
    end_all(database, lambda number: FAILED)
    batch_id = to_batch_id(made.id)
    seen = read_openai_batch(database, Viewer.EVERYONE, batch_id)
    requeue_batch(database, Viewer.EVERYONE, batches_of(database, batch_id)[0])
    if ends_again:
        end_all(database, lambda number: FAILED)
    assert not end_openai_batch(database, seen)
    assert read_openai_batch(database, Viewer.EVERYONE, batch_id).ended_at is None


def test_a_chore_that_fails_is_done_again_and_keeps_no_other_from_being_done(
    app: FastAPI, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    execute(database, "ALTER TABLE openai_batch RENAME TO away")
    with app.state.deployment.folder.new() as content:
        stray = app.state.deployment.folder.path / str(content.keep(ExitStack()).file_id)
    os.utime(stray, times=(0, 0))
    with another_api(app):
        wait_for(lambda: not stray.exists())  # the chore of files goes on
        execute(database, "ALTER TABLE away RENAME TO openai_batch")
        with serving(app) as url, OpenAI(base_url=f"{url}/v1", api_key="x") as openai:
            file_id = openai.files.create(file=("x", jsonl([line("a")])), purpose="batch").id
        new = NewOpenAIBatch(
            file_id=to_file_id(file_id),
            endpoint=ENDPOINT,
            completion_window="1d",
            expires_at=datetime.now(UTC) + timedelta(days=1),
        )
        with transaction(database) as connection:
            insert_openai_batch(connection, new)
        wait_for(lambda: num_jobs(database) == 1)
    assert "next try" in caplog.text


def test_an_input_file_stays_until_its_batch_has_read_it(app: FastAPI, openai: OpenAI) -> None:
    app.state.deployment.advancer.close()
    made = create(openai, jsonl([line("a")]))
    with pytest.raises(ConflictError, match="validat"):
        openai.with_options(max_retries=0).files.delete(made.input_file_id)
    assert openai.files.content(made.input_file_id).read()
    openai.batches.cancel(made.id)
    assert openai.files.delete(made.input_file_id).deleted


def test_a_batch_waits_for_a_folder_that_is_not_mounted_until_it_expires(
    app: FastAPI, openai: OpenAI, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    folder = app.state.deployment.folder.path
    file_id = openai.files.create(file=("x", jsonl([line("a")])), purpose="batch").id
    away = folder.rename(folder.with_name("away"))

    def submitted() -> str:
        asked = {"endpoint": ENDPOINT, "completion_window": "24h"}
        return openai.batches.create(input_file_id=file_id, **asked).id  # type: ignore[call-overload,no-any-return]

    late, waits = submitted(), submitted()
    wait_for(lambda: all(re.search(rf"{each} .*: file", caplog.text) for each in (late, waits)))
    assert [openai.batches.retrieve(each).status for each in (late, waits)] == ["validating"] * 2
    execute(database, f"UPDATE openai_batch SET expires_at = now() WHERE id = '{to_batch_id(late)}'")
    errors = reaches(openai, late, "failed").errors
    assert errors is not None
    assert [each.code for each in errors.data or ()] == ["file_not_found"]
    away.rename(folder)
    reaches(openai, waits, "in_progress")


def test_a_batch_whose_file_has_expired_fails(app: FastAPI, openai: OpenAI, database: Database) -> None:
    app.state.deployment.advancer.close()
    made = create(openai, jsonl([line("a")]))
    execute(database, "UPDATE file SET expires_at = now()")
    with another_api(app):
        errors = reaches(openai, made.id, "failed").errors
    assert errors is not None
    assert [each.code for each in errors.data or ()] == ["file_not_found"]


def test_what_is_late_expires_although_there_is_no_worker(
    app: FastAPI, openai: OpenAI, database: Database
) -> None:
    made = create(openai, jsonl([line("a"), line("b")]))
    reaches(openai, made.id, "in_progress")
    end_all(database, succeeded, leave=1)
    execute(database, "UPDATE job SET deadline_at = now() WHERE state = 'queued'")
    execute(database, "UPDATE worker SET stopped_at = now()")
    with another_api(app):
        done = reaches(openai, made.id, "expired")
    assert rows_of(database, "SELECT state, count(*) FROM job GROUP BY state ORDER BY state") == [
        ("expired", 1),
        ("succeeded", 1),
    ]
    for file_id in (done.output_file_id, done.error_file_id):
        assert len(lines_of(openai, file_id)) == 1


def test_a_file_that_asks_for_too_many_answers_fails(openai: OpenAI, database: Database) -> None:
    few, many = (create(openai, jsonl([line(name, n=n) for name in "ab"])).id for n in (2, 3))
    reaches(openai, few, "in_progress")
    errors = reaches(openai, many, "failed").errors
    assert errors is not None
    assert [each.code for each in errors.data or ()] == ["too_many_jobs"]
    assert num_jobs(database) == 4


def test_of_two_result_files_none_stays_where_the_second_cannot_be_kept(
    app: FastAPI, openai: OpenAI, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    made = create(openai, jsonl([line("a"), line("b")]))
    reaches(openai, made.id, "in_progress")
    files_before = sorted(app.state.deployment.folder.path.iterdir())
    long = JobResult(state=JobState.FAILED, error="no" * 2500)  # which is written when the file is kept
    with full_disk(4000):
        end_all(database, lambda number: long if number else succeeded(number))
        openai.batches.retrieve(made.id)
        wait_for(lambda: f"{made.id} " in caplog.text and ": files" in caplog.text)
    assert sorted(app.state.deployment.folder.path.iterdir()) == files_before
    done = reaches(openai, made.id, "completed")
    assert [len(lines_of(openai, each)) for each in (done.output_file_id, done.error_file_id)] == [1, 1]
