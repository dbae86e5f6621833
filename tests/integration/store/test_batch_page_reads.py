"""What the page of a batch reads beside the summary: filters of jobs, counts, pace, and where the time went."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from specreason.errors import InvalidField, NotFound
from specreason.reasoning.steps import StopReason
from specreason.store.access.visibility import Viewer
from specreason.store.analysis.bases import base_batches
from specreason.store.queue.jobs import JobResult, finish
from specreason.store.read.counts import list_counts, read_counts, read_pace
from specreason.store.read.filters import JobFilter, parse_sources
from specreason.store.read.summaries import list_batches, read_jobs
from specreason.store.read.waits import read_waits
from specreason.store.session import Database
from specreason.store.tables.states import JobState
from tests.support.store.builders import claimed, job_ids, start_worker, submit
from tests.support.store.known import build
from tests.support.store.sql import execute


def places(database: Database, batch_id: UUID, **which: Any) -> list[int]:
    """The places of the jobs that pass."""
    ids = job_ids(database, batch_id)
    rows = read_jobs(database, Viewer.EVERYONE, batch_id, which=JobFilter(**which)).rows
    return [ids.index(row.job_id) for row in rows]


def test_jobs_are_found_by_what_became_of_them(database: Database) -> None:
    batch_id = build(database).specreason
    execute(
        database,
        f"""UPDATE problem SET source = '{{"level": 3, "subject": "a=b"}}'
            WHERE batch_id = '{batch_id}' AND index = 2""",
    )
    assert places(database, batch_id, stop_reasons=(StopReason.TOKEN_BUDGET,)) == [2, 6]
    assert places(database, batch_id, min_acceptance=1.0) == [0, 3, 4]
    assert places(database, batch_id, max_acceptance=0.0) == [2, 6]
    assert places(database, batch_id, min_acceptance=0.5, max_acceptance=0.5) == [1, 5, 7]
    assert places(database, batch_id, min_latency_s=3.0) == [2, 6]
    assert places(database, batch_id, max_latency_s=1.5) == [0, 3, 4]
    assert places(database, batch_id, min_tokens=21, max_tokens=23) == [0, 1, 3, 4, 5, 7]
    assert places(database, batch_id, problem_id="p1") == [1, 5]
    assert places(database, batch_id, sources=parse_sources(["level=3", "subject=a=b"])) == [2, 6]
    assert places(database, batch_id, sources=parse_sources(["level=4"])) == []
    assert places(database, batch_id, problem_id="p0", grade="true", min_acceptance=0.1) == [0, 4]


def test_no_range_holds_a_job_that_has_not_ended(database: Database) -> None:
    batch_id = submit(database, 2)
    for which in ({"min_tokens": 0}, {"min_latency_s": 0.0}, {"max_acceptance": 1.0}):
        assert places(database, batch_id, **which) == []


@pytest.mark.parametrize("given", ["", "subject", "=algebra"])
def test_a_source_that_is_no_field_and_value_is_refused(given: str) -> None:
    with pytest.raises(InvalidField, match="source: must be a field and its value"):
        parse_sources([given])


def test_a_range_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(InvalidField, match="max_latency_s: must be at least min_latency_s, 2, not 1"):
        JobFilter(min_latency_s=2, max_latency_s=1)


def test_counts_are_those_of_the_summary(database: Database) -> None:
    known = build(database)
    queued = submit(database, 2)
    counts, summaries = list_counts(database, Viewer.EVERYONE), list_batches(database, Viewer.EVERYONE)
    assert [each.batch_id for each in counts] == [queued, known.specreason, known.base]
    for one, summary in zip(counts, summaries, strict=True):
        for name in (f"num_{state}" for state in JobState):
            assert getattr(one, name) == getattr(summary, name)
        assert dict(one.stop_reasons) == dict(summary.stop_reasons)
        assert one.finished_at == summary.finished_at
    assert list_counts(database, Viewer.of("ada")) == ()
    with pytest.raises(NotFound):
        read_counts(database, Viewer.of("ada"), known.base)


def test_the_pace_is_that_of_the_last_jobs_and_leaves_out_what_never_ran(database: Database) -> None:
    batch_id = submit(database, 30)
    assert read_pace(database, Viewer.EVERYONE, batch_id) is None
    worker_id = start_worker(database)
    first, *others = job_ids(database, batch_id)
    finish(database, claimed(database, first, worker_id), JobResult(state=JobState.SUCCEEDED))
    execute(database, "UPDATE job SET started_at = now() - interval '1 h' WHERE started_at IS NOT NULL")
    young = read_pace(database, Viewer.EVERYONE, batch_id)
    assert young is not None
    assert (young.num_ended, round(young.seconds / 3600)) == (1, 1)
    for job_id in others[:24]:
        finish(database, claimed(database, job_id, worker_id), JobResult(state=JobState.SUCCEEDED))
    execute(database, f"UPDATE job SET finished_at = now() - interval '30 min' WHERE id = '{first}'")
    steady = read_pace(database, Viewer.EVERYONE, batch_id)
    assert steady is not None
    assert (steady.num_ended, round(steady.seconds / 60)) == (24, 1)


def test_waits_are_parted_by_what_they_were_for(database: Database) -> None:
    waits = read_waits(database, Viewer.EVERYONE, build(database).specreason)
    assert waits.kept_drafts_s == pytest.approx(9 * 0.2)
    assert waits.rejected_drafts_s == pytest.approx(7 * 0.2)
    assert waits.verdicts_s == pytest.approx(16 * 0.1)
    assert waits.rewriting_s == pytest.approx(7 * 1.0)
    assert waits.alone_s == 0
    assert waits.answering_s == pytest.approx(8 * 0.5)


def test_bases_have_as_many_problems_and_are_the_viewers(database: Database) -> None:
    known = build(database)
    (found,) = base_batches(database, Viewer.EVERYONE, known.specreason)
    assert (found.batch_id, found.num_jobs) == (known.base, 4)
    assert base_batches(database, Viewer.EVERYONE, known.base) == ()
    with pytest.raises(NotFound):
        base_batches(database, Viewer.of("ada"), known.specreason)
