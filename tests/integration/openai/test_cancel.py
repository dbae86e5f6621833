"""Cancelling OpenAI batches: after their end, and while they are advanced."""

from __future__ import annotations

import pytest
from openai import OpenAI

from api.ids import to_batch_id
from specreason.store.access.visibility import Viewer
from specreason.store.openai.batches import batches_of
from specreason.store.queue.controls import requeue_batch
from specreason.store.queue.jobs import JobResult
from specreason.store.session import Database
from specreason.store.tables.states import JobState
from tests.support.api.openai import create, lines_of, reaches
from tests.support.api.openai_builders import end_all, jsonl, line, succeeded
from tests.support.store.sql import rows_of

FAILED = JobResult(state=JobState.FAILED, error="no")


def states(database: Database) -> list[str]:
    return [state for (state,) in rows_of(database, "SELECT state FROM job ORDER BY id")]


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
