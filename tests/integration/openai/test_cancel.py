"""Cancelling OpenAI batches: after their end, and while they are advanced."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import pytest
from openai import OpenAI

from api.ids import to_batch_id
from api.openai import advance
from specreason.store.access.visibility import Viewer
from specreason.store.openai.batches import batches_of, one_at_a_time, read_openai_batch
from specreason.store.openai.status import BatchStatus, OpenAIBatch
from specreason.store.queue.controls import requeue_batch
from specreason.store.queue.jobs import JobResult
from specreason.store.session import Database
from specreason.store.tables.states import JobState
from tests.support.api.openai import create, lines_of, reaches
from tests.support.api.openai_builders import end_all, jsonl, line, succeeded
from tests.support.store.sql import rows_of
from tests.support.workers.processes import wait_for

FAILED = JobResult(state=JobState.FAILED, error="no")


def states(database: Database) -> list[str]:
    return [state for (state,) in rows_of(database, "SELECT state FROM job ORDER BY id")]


@contextmanager
def lock_of(database: Database, batch_id: UUID) -> Iterator[None]:
    """Hold the batch's lock, as another API does. The API here may still hold it for a moment."""
    is_held = False
    while not is_held:
        with one_at_a_time(database, batch_id) as is_held:
            if is_held:
                yield


@pytest.mark.parametrize("was_cancelled", [False, True])
def test_a_batch_that_ended_and_was_requeued_can_be_cancelled(
    openai: OpenAI, database: Database, was_cancelled: bool
) -> None:
    made = create(openai, jsonl([line("a"), line("b")]))
    reaches(openai, made.id, "in_progress")
    end_all(database, lambda number: FAILED if number else succeeded(number), leave=int(was_cancelled))
    if was_cancelled:
        openai.batches.cancel(made.id)
    end = "cancelled" if was_cancelled else "completed"
    reaches(openai, made.id, end)
    (part_id,) = batches_of(database, to_batch_id(made.id))
    assert requeue_batch(database, Viewer.EVERYONE, part_id, (JobState.FAILED, JobState.CANCELLED))
    assert "queued" in states(database)
    openai.batches.cancel(made.id)
    assert states(database) == ["succeeded", "cancelled"]
    done = reaches(openai, made.id, end)
    assert [each["custom_id"] for each in lines_of(openai, done.output_file_id)] == ["a"]
    assert [each["custom_id"] for each in lines_of(openai, done.error_file_id)] == ["b"]


def test_a_batch_cancelled_while_it_is_advanced_is_advanced_once_more(
    openai: OpenAI, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    has_read, may_go_on = threading.Event(), threading.Event()

    def read_and_pause(database: Database, viewer: Viewer, batch_id: UUID) -> OpenAIBatch:
        batch = read_openai_batch(database, viewer, batch_id)
        if batch.status is BatchStatus.IN_PROGRESS:
            has_read.set()
            assert may_go_on.wait(60)
        return batch

    monkeypatch.setattr(advance, "read_openai_batch", read_and_pause)
    made = create(openai, jsonl([line("a")]))
    assert has_read.wait(60)
    assert openai.batches.cancel(made.id).status == "cancelling"
    may_go_on.set()
    # No request follows here, and housekeeping comes too late.
    wait_for(lambda: states(database) == ["cancelled"])
    reaches(openai, made.id, "cancelled")


def test_a_batch_cancelled_while_another_api_advances_it_is_advanced_soon_afterwards(
    openai: OpenAI, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    was_refused = threading.Event()

    @contextmanager
    def try_one(database: Database, batch_id: UUID) -> Iterator[bool]:
        with one_at_a_time(database, batch_id) as is_free:
            if not is_free:
                was_refused.set()
            yield is_free

    monkeypatch.setattr(advance, "one_at_a_time", try_one)
    made = create(openai, jsonl([line("a")]))
    reaches(openai, made.id, "in_progress")
    with lock_of(database, to_batch_id(made.id)):
        openai.batches.cancel(made.id)
        assert was_refused.wait(60)
        assert states(database) == ["queued"]
    wait_for(lambda: states(database) == ["cancelled"])
