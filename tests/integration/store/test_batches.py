"""Submitting a batch: all of it or nothing, and fast."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from specreason.config import RunConfig
from specreason.errors import InvalidField, NotFound
from specreason.store.access.visibility import Viewer
from specreason.store.openai.batches import insert_openai_batch
from specreason.store.openai.status import NewOpenAIBatch
from specreason.store.queue.batches import NewBatch
from specreason.store.queue.controls import cancel_batch
from specreason.store.queue.problems import NewProblem, check
from specreason.store.read.summaries import list_batches, read_batch, read_job, read_jobs
from specreason.store.session import Database, transaction
from specreason.submission.text import UNSTORABLE
from tests.support.store.builders import PAIR, insert_batch, insert_batches, job_ids, submit
from tests.support.store.sql import execute, rows_of, scalar


def batch_of(*problems: NewProblem, repeats: int = 1) -> NewBatch:
    return NewBatch(name="aime", pair=PAIR, config=RunConfig(repeats=repeats), problems=check(problems))


def num_rows(database: Database) -> object:
    return scalar(
        database,
        """SELECT (SELECT count(*) FROM batch) + (SELECT count(*) FROM problem) + (SELECT count(*) FROM job)
                + (SELECT count(*) FROM event)""",
    )


def test_what_was_submitted_is_what_is_stored(database: Database) -> None:
    new = NewBatch(
        name="größe",
        pair=PAIR,
        config=RunConfig(repeats=2, threshold=5, seed=3),
        problems=check(
            [
                NewProblem(
                    text="1 + 1?\n\tOne\\line",
                    answer="2",
                    problem_id="a",
                    source={"year": 2024, "tags": ["x"]},
                ),
                NewProblem(text="∑?"),
            ]
        ),
        priority=3,
        metadata={"who": "me"},
        owner="me",
    )
    batch_id = insert_batch(database, new)
    batch = read_batch(database, Viewer.EVERYONE, batch_id)
    assert (batch.name, batch.pair, batch.priority, batch.metadata) == ("größe", PAIR, 3, {"who": "me"})
    assert RunConfig.model_validate(batch.config) == new.config
    assert batch.config_hash == new.config.hash()
    assert (batch.num_problems, batch.num_jobs, batch.num_queued) == (2, 4, 4)
    jobs = read_jobs(database, Viewer.EVERYONE, batch_id).rows
    assert [(job.problem_index, job.repeat) for job in jobs] == [(0, 0), (1, 0), (0, 1), (1, 1)]
    assert (jobs[0].problem, jobs[0].gold, jobs[0].problem_id) == ("1 + 1?\n\tOne\\line", "2", "a")
    assert (jobs[1].problem, jobs[1].gold, jobs[1].problem_id) == ("∑?", None, None)
    assert read_job(database, Viewer.EVERYONE, jobs[0].job_id) == jobs[0]
    assert scalar(database, "SELECT source FROM problem WHERE index = 0") == {"year": 2024, "tags": ["x"]}
    assert scalar(database, "SELECT owner FROM batch") == "me"


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        (NewProblem(text="a\0b"), "problems[1].text"),
        (NewProblem(text="fine", answer="\ud83e"), "problems[1].answer"),
        (NewProblem(text="fine", source={"x": float("nan")}), "problems[1].source"),
    ],
)
def test_nothing_is_half_inserted_when_a_problem_is_refused(
    database: Database, wrong: NewProblem, field: str
) -> None:
    with pytest.raises(InvalidField) as refused:
        insert_batch(database, batch_of(NewProblem(text="fine"), wrong))
    assert refused.value.field == field
    assert num_rows(database) == 0


@pytest.mark.parametrize("metadata", [{"by": ["a\0"]}, {"deep": {"\ud83e": 1}}])
def test_metadata_that_cannot_be_stored_is_refused_in_the_same_words_and_nothing_is_inserted(
    database: Database, metadata: dict[str, Any]
) -> None:
    new = NewOpenAIBatch(
        file_id=uuid4(),
        endpoint="/v1/chat/completions",
        completion_window="24h",
        expires_at=datetime.now(UTC) + timedelta(days=1),
        metadata=metadata,
    )
    with pytest.raises(InvalidField) as refused:
        insert_batch(database, replace(batch_of(NewProblem(text="fine")), metadata=metadata))
    with transaction(database) as connection, pytest.raises(InvalidField) as refused_too:
        insert_openai_batch(connection, new)
    assert str(refused.value) == str(refused_too.value) == f"metadata: {UNSTORABLE}"
    assert num_rows(database) == 0


def test_names_and_other_columns_are_repaired(database: Database) -> None:
    problem = NewProblem(text="fine", source={"a\0": ["\ud83e"]})
    batch_id = insert_batch(database, replace(batch_of(problem), name="a\0 \ud83e"))
    assert read_batch(database, Viewer.EVERYONE, batch_id).name == "a\ufffd \ufffd"
    assert scalar(database, "SELECT source FROM problem") == {"a\ufffd": ["\ufffd"]}


def test_nothing_is_half_inserted_when_the_database_gives_up_midway(database: Database) -> None:
    execute(database, "ALTER TABLE job ADD CONSTRAINT no_second_repeat CHECK (repeat < 1)")
    with pytest.raises(Exception, match="no_second_repeat"):
        insert_batch(database, batch_of(NewProblem(text="fine"), repeats=2))
    assert num_rows(database) == 0


def test_of_several_batches_all_are_stored_or_none(database: Database) -> None:
    fine = batch_of(NewProblem(text="fine"))
    with pytest.raises(InvalidField):
        insert_batches(database, [fine, batch_of(NewProblem(text="fine", source={"x": float("inf")}))])
    assert num_rows(database) == 0
    assert len(set(insert_batches(database, [fine, fine]))) == 2
    assert scalar(database, "SELECT count(*) FROM job") == 2


def test_problems_are_read_twice_and_never_held(database: Database) -> None:
    class Problems:
        times = alive = most_alive = 0

        def __iter__(self) -> Iterator[NewProblem]:
            self.times += 1
            yield from (self.one(number) for number in range(200))

        def one(self, number: int) -> NewProblem:
            problem = Watched(text=f"{number}?", answer="1")
            self.alive += 1
            self.most_alive = max(self.most_alive, self.alive)
            weakref.finalize(problem, self.gone)
            return problem

        def gone(self) -> None:
            self.alive -= 1

    class Watched(NewProblem):
        """Its slots have no room for a weak reference."""

    problems = Problems()
    config = RunConfig(repeats=3)
    batch_id = insert_batch(database, NewBatch(name="", pair=PAIR, config=config, problems=check(problems)))
    assert read_batch(database, Viewer.EVERYONE, batch_id).num_jobs == 600
    assert problems.times == 2
    assert problems.most_alive < 5


def test_readers_of_events_do_not_wait_for_a_long_submission(database: Database) -> None:
    class Problems:
        writers_of_events = 0

        def __iter__(self) -> Iterator[NewProblem]:
            yield NewProblem(text="?")
            held = "SELECT count(*) FROM pg_locks WHERE relation = 'event'::regclass AND mode = 'RowExclusiveLock'"
            self.writers_of_events += int(str(scalar(database, held)))

    problems = Problems()
    new = NewBatch(name="", pair=PAIR, config=RunConfig(), problems=check(problems))
    insert_batches(database, [new, new])
    assert problems.writers_of_events == 0
    assert scalar(database, "SELECT count(*) FROM event WHERE kind = 'batch_submitted'") == 2


def test_a_problem_may_have_a_seed_of_its_own(database: Database) -> None:
    insert_batch(database, batch_of(NewProblem(text="a", seed=11), NewProblem(text="b"), repeats=2))
    seeds = "SELECT string_agg(seed::text, ' ' ORDER BY id) FROM job"
    assert scalar(database, seeds) == "11 0 11 0"


def test_a_batch_that_begins_with_a_later_repeat_has_the_later_jobs_of_one_batch_with_all(
    database: Database,
) -> None:
    problems = (NewProblem(text="a", seed=11), NewProblem(text="b"))
    insert_batch(database, batch_of(*problems, repeats=4))
    later = RunConfig(repeats=2, first_repeat=2)
    insert_batch(database, NewBatch(name="", pair=PAIR, config=later, problems=check(problems)))
    jobs = rows_of(
        database,
        """SELECT job.batch_id, problem.text, problem.index, job.repeat, job.seed FROM job
        JOIN problem ON problem.id = job.problem_id ORDER BY job.id""",
    )
    whole, added = jobs[:8], jobs[8:]
    assert [row[1:] for row in added] == [row[1:] for row in whole if row[3] >= 2]
    turns = rows_of(database, "SELECT turn FROM job ORDER BY id")
    assert [turn for (turn,) in turns[8:]] == [0, 1, 2, 3]  # they do not wait for repeats that others run


def test_an_empty_batch_is_refused(database: Database) -> None:
    with pytest.raises(InvalidField, match="problems"):
        insert_batch(database, batch_of())


def test_fifty_thousand_problems_are_one_submission(database: Database) -> None:
    problems = [NewProblem(text=f"What is {i} + {i}?" * 10, answer=str(2 * i)) for i in range(50_000)]
    batch_id = insert_batch(database, batch_of(*problems))
    assert read_batch(database, Viewer.EVERYONE, batch_id).num_queued == 50_000
    assert cancel_batch(database, Viewer.EVERYONE, batch_id) == 50_000


def test_pages_of_jobs_and_batches_have_every_row_once(database: Database) -> None:
    batch_ids = [submit(database, 7) for _ in range(5)]
    everything = job_ids(database, batch_ids[0])
    assert len(everything) == 7
    first = read_jobs(database, Viewer.EVERYONE, batch_ids[0], limit=4).rows
    second = read_jobs(database, Viewer.EVERYONE, batch_ids[0], after=first[-1].job_id, limit=4).rows
    assert tuple(job.job_id for job in (*first, *second)) == everything
    newest = list_batches(database, Viewer.EVERYONE, limit=3)
    older = list_batches(database, Viewer.EVERYONE, before=newest[-1].batch_id, limit=3)
    assert [batch.batch_id for batch in (*newest, *older)] == batch_ids[::-1]


def test_unknown_ids_are_named(database: Database) -> None:
    (job_id,) = job_ids(database, batch_id := submit(database))
    for read in (read_batch, read_jobs, cancel_batch):
        with pytest.raises(NotFound, match=f"^batch: .*{job_id}"):
            read(database, Viewer.EVERYONE, job_id)
    with pytest.raises(NotFound, match=f"^job: .*{batch_id}"):
        read_job(database, Viewer.EVERYONE, batch_id)
