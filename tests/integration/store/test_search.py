"""Search in the steps of a batch."""

from __future__ import annotations

import dataclasses
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, text

from specreason.errors import InvalidField, NotFound, StoreUnavailable
from specreason.reasoning.steps import StepRecord
from specreason.store.access.visibility import Viewer
from specreason.store.analysis import search as module
from specreason.store.analysis.search import FoundStep, search_steps
from specreason.store.session import Database
from specreason.store.trace.writer import TraceWriter
from tests.support.store.builders import (
    accepted,
    append_all,
    claimed,
    completion,
    job_ids,
    rejected,
    start_worker,
    submit,
)
from tests.support.store.sql import execute

FRACTION = r"Thus \frac{1}{2} of 100% is 50%."


def rejecting(index: int, *, draft: str, kept: str) -> StepRecord:
    written = completion(kept, ids=(21, 22))
    return dataclasses.replace(
        rejected(index), draft=completion(draft), written=written, kept_ids=written.token_ids, kept_text=kept
    )


@pytest.fixture
async def batch_id(database: Database, writer: TraceWriter) -> UUID:
    """Three jobs: one with three steps, one with two of the same texts, one that nobody has claimed."""
    batch_id, worker_id = submit(database, 3), start_worker(database)
    first, second, _ = job_ids(database, batch_id)
    drafted = rejecting(1, draft="I guess x^2 is 9.", kept="Wait, x^2 is 4.")
    await append_all(
        writer,
        claimed(database, first, worker_id),
        accepted(0, FRACTION),
        drafted,
        accepted(2, "Wait no more."),
    )
    await append_all(
        writer, claimed(database, second, worker_id), accepted(0, FRACTION), accepted(1, "We WAIT.")
    )
    return batch_id


def found(database: Database, batch_id: UUID, words: str, *, drafts: bool = False) -> list[tuple[int, int]]:
    """Problem and step of each."""
    page = search_steps(database, Viewer.EVERYONE, batch_id, words, drafts=drafts)
    assert page.next is None
    return [(row.problem_index, row.index) for row in page.rows]


@pytest.mark.parametrize(
    ("words", "where"),
    [
        ("wait", [(0, 1), (0, 2), (1, 1)]),
        ("wait no", [(0, 2)]),
        ("wait -no", [(0, 1), (1, 1)]),
        ("more OR thus", [(0, 0), (0, 2), (1, 0)]),
        (r"\frac{1}{2}", [(0, 0), (1, 0)]),
        ("50%", [(0, 0), (1, 0)]),
        ("x^2", [(0, 1)]),
        ("guess", []),
        ("wai", []),
        ("wai*", [(0, 1), (0, 2), (1, 1)]),
        ("'; DROP TABLE step", []),
    ],
)
def test_the_steps_whose_kept_text_has_the_words_are_found(
    database: Database, batch_id: UUID, words: str, where: list[tuple[int, int]]
) -> None:
    assert found(database, batch_id, words) == where


def test_rejected_drafts_are_found_where_they_are_asked_for(database: Database, batch_id: UUID) -> None:
    assert found(database, batch_id, "guess", drafts=True) == [(0, 1)]
    (row,) = search_steps(database, Viewer.EVERYONE, batch_id, "guess 9", drafts=True).rows
    (job_id, *_) = job_ids(database, batch_id)
    assert row == FoundStep(
        job_id=job_id,
        problem_index=0,
        problem_id=None,
        repeat=0,
        index=1,
        phase=row.phase,
        decision=row.decision,
        score=3,
        found_in="draft",
        snippet="I guess x^2 is 9.",
        hits=((2, 7), (15, 16)),
    )
    assert (row.phase.value, row.decision.value) == ("think", "rejected")
    # Its draft is found once, as kept text.
    assert found(database, batch_id, "wait", drafts=True) == [(0, 1), (0, 2), (1, 1)]


def test_pages_follow_each_other_without_gap_or_repetition(database: Database, batch_id: UUID) -> None:
    seen, after = [], None
    for _ in range(4):
        page = search_steps(database, Viewer.EVERYONE, batch_id, "wait", after=after, limit=1)
        seen += [(row.problem_index, row.index) for row in page.rows]
        after = page.next
        if after is None:
            break
    assert seen == [(0, 1), (0, 2), (1, 1)]
    assert after is None


def test_a_search_that_takes_long_returns_what_it_has_and_goes_on_from_there(
    database: Database, batch_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FIRST_JOBS", 1)
    seen, after, num_pages = [], None, 0
    while num_pages == 0 or after is not None:
        page = search_steps(database, Viewer.EVERYONE, batch_id, "we", after=after, budget_s=0)
        seen += [(row.problem_index, row.index) for row in page.rows]
        after, num_pages = page.next, num_pages + 1
        assert num_pages < 10
    assert seen == [(1, 1)]
    assert num_pages > 2


@pytest.mark.parametrize(("statement_s", "asked"), [(0.0, [4, 2, 1, 1, 1]), (60.0, [4, 8])])
def test_a_statement_reads_fewer_jobs_after_a_slow_one_and_more_after_a_quick_one(
    database: Database, monkeypatch: pytest.MonkeyPatch, statement_s: float, asked: list[int]
) -> None:
    batch_id = submit(database, 8)
    execute(database, "UPDATE job SET num_attempts = 1")
    read, jobs = [], module._jobs

    def counting(*arguments: Any) -> Any:
        read.append(arguments[-1])
        return jobs(*arguments)

    monkeypatch.setattr(module, "_jobs", counting)
    monkeypatch.setattr(module, "STATEMENT_S", statement_s)
    page = search_steps(database, Viewer.EVERYONE, batch_id, "wait", budget_s=60)
    assert (page.rows, page.next) == ((), None)
    assert read == asked


def test_a_statement_that_hangs_is_ended(
    database: Database, batch_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TIMEOUT", text("SET LOCAL statement_timeout = '50ms'"))
    monkeypatch.setattr(module, "_says", lambda *_: func.pg_sleep(60).is_not(None))
    with pytest.raises(StoreUnavailable, match="timeout"):
        search_steps(database, Viewer.EVERYONE, batch_id, "wait")


def test_a_search_is_refused_where_there_is_no_batch_no_word_or_no_such_page(
    database: Database, batch_id: UUID
) -> None:
    execute(database, "UPDATE batch SET owner = 'ada'")
    assert search_steps(database, Viewer.of("ada"), batch_id, "wait").rows
    for viewer, id_ in ((Viewer.of("eve"), batch_id), (Viewer.EVERYONE, uuid4())):
        with pytest.raises(NotFound):
            search_steps(database, viewer, id_, "")
    with pytest.raises(InvalidField, match="q"):
        search_steps(database, Viewer.EVERYONE, batch_id, "")
    for after in ("7", f"{uuid4()}", f"{uuid4()}/x", f"{uuid4()}/1/2", f"{uuid4()}/-{'9' * 30}"):
        with pytest.raises(InvalidField, match="after"):
            search_steps(database, Viewer.EVERYONE, batch_id, "wait", after=after)
