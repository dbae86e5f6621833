"""What waits and what runs, pair by pair, and what has happened since somebody first looked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from specreason.store.queue.dispatch import expire_leases, take_unannounced
from specreason.store.queue.jobs import release
from specreason.store.read import event_counts, queues
from specreason.store.read.event_counts import EventCounts, WhatHappened
from specreason.store.read.queues import read_queues
from specreason.store.session import Connection, Database
from specreason.store.tables.states import AttemptOutcome, EventKind
from tests.support.store.builders import PAIR, claim_one, claimed, expire, job_ids, start_worker, submit
from tests.support.store.sql import execute, rows_of


def test_a_store_without_jobs_and_workers_has_no_queue(database: Database) -> None:
    found = read_queues(database)
    assert (found.pairs, found.num_ungraded, found.num_graded, found.num_given_up) == ((), 0, 0, 0)


def test_jobs_are_counted_by_pair_and_by_how_far_they_are(database: Database) -> None:
    worker_id = start_worker(database)
    batch_id = submit(database, 5)
    claimed(database, job_ids(database, batch_id)[0], worker_id)
    take_unannounced(database, PAIR, window=3)
    execute(database, "UPDATE job SET pair = 'other' WHERE id = (SELECT max(id::text)::uuid FROM job)")
    found = {queue.pair: queue for queue in read_queues(database).pairs}
    mine, other = found[PAIR], found["other"]
    assert (mine.num_queued, mine.num_announced, mine.num_running) == (3, 3, 1)
    assert (mine.num_workers, mine.slots) == (1, 16)
    assert (other.num_queued, other.num_announced, other.num_workers) == (1, 0, 0)


def test_the_oldest_job_of_a_queue_is_the_one_that_was_submitted_first(database: Database) -> None:
    before = datetime.now(UTC) - timedelta(seconds=5)
    submit(database, 2)
    (queue,) = read_queues(database).pairs
    assert queue.oldest_at is not None
    assert before < queue.oldest_at < datetime.now(UTC) + timedelta(seconds=5)


def test_a_paused_batch_does_not_wait(database: Database) -> None:
    submit(database, 2)
    execute(database, "UPDATE batch SET paused_at = now()")
    execute(database, "UPDATE job SET paused = true")
    assert read_queues(database).pairs == ()


def test_a_job_that_is_announced_during_a_look_is_counted_once(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    start_worker(database)
    submit(database, 3)
    counted = queues._counts

    def announced_behind_it(connection: Connection, statement: object, **bounds: int) -> Any:
        found = counted(connection, statement, **bounds)
        if statement is queues.UNANNOUNCED:
            assert len(take_unannounced(database, PAIR, window=3)) == 3
        return found

    monkeypatch.setattr(queues, "_counts", announced_behind_it)
    (queue,) = read_queues(database).pairs
    assert (queue.num_queued, queue.num_announced) == (3, 0)


def test_answers_without_a_grade_are_counted_and_so_are_recent_grades(database: Database) -> None:
    batch_id = submit(database, 3)
    ended = "state = 'succeeded', answer = '4', finished_at = now()"
    execute(database, f"UPDATE job SET {ended} WHERE batch_id = '{batch_id}'")
    assert read_queues(database).num_ungraded == 3
    recent, old = "0" * 12, "1" * 12
    now_ms = int(datetime.now(UTC).timestamp() * 1000)
    for id_ms, given_up, tail in (
        (now_ms, True, recent),
        (now_ms, False, old),
        (now_ms - 3_600_000, True, recent),
    ):
        grade_id = f"{id_ms >> 16:08x}-{id_ms & 0xFFFF:04x}-7000-8000-{tail}"
        (job_id, *_) = job_ids(database, batch_id)
        execute(
            database,
            "INSERT INTO grade (id, job_id, grader, is_correct, given_up) "
            f"VALUES ('{grade_id}', '{job_id}', 'layers', false, {given_up})",
        )
    found = read_queues(database)
    assert (found.num_graded, found.num_given_up) == (2, 1)


def test_the_counts_read_indexes_and_not_the_jobs_that_have_ended(database: Database) -> None:
    submit(database, 200, repeats=20)
    execute(database, "UPDATE job SET state = 'succeeded', finished_at = now() WHERE repeat > 0")
    execute(database, "ANALYZE job")
    from specreason.store.read.queues import UNANNOUNCED

    plan = "\n".join(
        row for (row,) in rows_of(database, f"EXPLAIN {UNANNOUNCED.text.replace(':most', '100000')}")
    )
    assert "ix_job_queue" in plan
    assert "Seq Scan on job" not in plan


def test_events_are_counted_once_each_from_the_first_look_on(database: Database) -> None:
    submit(database)
    counts = EventCounts(database)
    assert set(counts.read().values()) == {0}
    job = claim_one(database)
    release(database, job)
    seen = counts_of(counts)
    assert seen[WhatHappened(EventKind.JOB_CLAIMED)] == 1
    assert seen[WhatHappened(EventKind.JOB_REQUEUED, AttemptOutcome.RELEASED)] == 1
    assert seen[WhatHappened(EventKind.WORKER_LOST)] == 0
    assert counts_of(counts) == seen
    expire(database, claim_one(database).worker_id)
    expire_leases(database, max_lost=3)
    later = counts_of(counts)
    assert later[WhatHappened(EventKind.WORKER_LOST)] == 1
    assert later[WhatHappened(EventKind.JOB_REQUEUED, AttemptOutcome.LOST)] == 1
    assert later[WhatHappened(EventKind.JOB_CLAIMED)] == 2


def test_after_a_long_time_the_events_come_in_parts_and_none_is_left_out(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_counts, "MOST_EVENTS", 2)
    counts = EventCounts(database)
    counts.read()
    for _ in range(3):
        claim_one(database)
    total = [sum(counts_of(counts).values()) for _ in range(8)]
    assert total[0] == 2
    assert total[-1] == total[-2] == len(rows_of(database, "SELECT id FROM event"))


def test_a_look_while_others_write_does_not_count_what_was_before(database: Database) -> None:
    for _ in range(3):
        claim_one(database)
    counts = EventCounts(database)
    with database.begin() as writing:
        writing.exec_driver_sql("INSERT INTO event (kind) VALUES ('worker_lost')")
        assert set(counts.read().values()) == {0}
    for _ in range(2):
        claim_one(database)
    counts_of(counts)  # the mark catches up when the writer of before has ended
    assert counts_of(counts)[WhatHappened(EventKind.JOB_CLAIMED)] == 2


def test_an_event_of_a_newer_version_is_counted_under_its_own_name(database: Database) -> None:
    counts = EventCounts(database)
    counts.read()
    execute(database, "ALTER TABLE event DROP CONSTRAINT ck_event_kind")
    execute(database, "INSERT INTO event (kind) VALUES ('worker_moved')")
    assert counts_of(counts)[WhatHappened("worker_moved")] == 1


def counts_of(counts: EventCounts) -> dict[WhatHappened, int]:
    """The counts, read with a mark of this moment."""
    counts._mark._polled_at = float("-inf")
    return dict(counts.read())
