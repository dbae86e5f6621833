"""Writes submitted batches: problems × repeats become queued jobs, all of them or none.

`problems` has checked the problems before, and `spool` may hold them until COPY reads them here.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Table, insert
from uuid_utils.compat import uuid7

from specreason.config import RunConfig
from specreason.errors import InvalidField
from specreason.store.files.rows import NewFile, insert_file
from specreason.store.queue.fairness import start_turn
from specreason.store.queue.problems import CheckedProblems, NewProblem
from specreason.store.queue.quota import check_quota
from specreason.store.session import Connection
from specreason.store.tables.queue import batch, event, job, problem
from specreason.store.tables.states import EventKind
from specreason.submission.chat import to_json
from specreason.submission.text import checked_metadata, storable, storable_json


@dataclass(frozen=True, slots=True, kw_only=True)
class NewBatch:
    """A submitted batch. Jobs of a larger `priority` go first; a job that has not ended at `deadline_at` expires.

    Batches of a grid share their problems, which came from the file `file_id`, if any. `owner` may have
    `max_queued_jobs` jobs in the queue; None: any number.
    """

    name: str
    pair: str
    config: RunConfig
    problems: CheckedProblems
    priority: int = 0
    deadline_at: datetime | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    owner: str | None = None
    max_queued_jobs: int | None = None
    file_id: UUID | None = None
    openai_batch_id: UUID | None = None

    @property
    def num_jobs(self) -> int:
        return self.problems.count * self.config.repeats


def write_batches(
    connection: Connection, batches: Sequence[NewBatch], *, upload: NewFile | None = None
) -> tuple[UUID, ...]:
    """Write the batches, their queued jobs and the row of a new file, in the caller's transaction; return the ids.

    Raises as `check_quota` does; InvalidField for metadata that cannot be stored and a `source` that is not JSON.
    """
    if upload is not None:
        insert_file(connection, upload)
    batch_ids = tuple(_write(connection, new) for new in batches)
    # The events come last: a transaction that has written one holds up every stream of events (docs/decisions/0004).
    submitted = [{"kind": EventKind.BATCH_SUBMITTED, "batch_id": batch_id} for batch_id in batch_ids]
    connection.execute(insert(event), submitted)
    return batch_ids


def _write(connection: Connection, new: NewBatch) -> UUID:
    if new.owner is not None and new.max_queued_jobs is not None:
        check_quota(connection, new.owner, new.num_jobs, most=new.max_queued_jobs)
    batch_id: UUID = uuid7()
    _insert_batch_row(connection, batch_id, new)
    _copy_problems_and_jobs(connection, batch_id, new)
    return batch_id


def _insert_batch_row(connection: Connection, batch_id: UUID, new: NewBatch) -> None:
    connection.execute(
        insert(batch).values(
            id=batch_id,
            name=storable(new.name),
            pair=new.pair,
            config=new.config.model_dump(mode="json"),
            config_hash=new.config.hash(),
            num_problems=new.problems.count,
            num_jobs=new.num_jobs,
            priority=new.priority,
            metadata=checked_metadata(new.metadata),
            owner=new.owner,
            file_id=new.file_id,
            openai_batch_id=new.openai_batch_id,
        )
    )


def _copy_problems_and_jobs(connection: Connection, batch_id: UUID, new: NewBatch) -> None:
    count = new.problems.count
    problem_ids = [uuid7() for _ in range(count)]
    seeds = array("q", bytes(8 * count))
    gradable = bytearray(count)
    turn = start_turn(connection, new.pair, new.priority)

    def problems() -> Iterable[Sequence[object]]:
        for index, (problem_id, given) in enumerate(zip(problem_ids, new.problems, strict=True)):
            seeds[index] = new.config.seed if given.seed is None else given.seed
            gradable[index] = given.answer is not None
            source = _source(given, index)
            messages = None if given.messages is None else json.dumps(to_json(given.messages))
            yield problem_id, batch_id, index, given.problem_id, given.text, given.answer, source, messages

    _copy(
        connection,
        problem,
        ("id", "batch_id", "index", "problem_id", "text", "answer", "source", "messages"),
        problems(),
    )
    # Repeat by repeat: the queue runs every problem once before any problem twice.
    _copy(
        connection,
        job,
        (
            "id",
            "batch_id",
            "problem_id",
            "repeat",
            "seed",
            "pair",
            "priority",
            "turn",
            "deadline_at",
            "gradable",
        ),
        (
            (
                uuid7(),
                batch_id,
                problem_id,
                repeat,
                seeds[index],
                new.pair,
                new.priority,
                turn + (repeat - new.config.first_repeat) * count + index,
                new.deadline_at,
                bool(gradable[index]),
            )
            for repeat in new.config.numbers_of_repeats
            for index, problem_id in enumerate(problem_ids)
        ),
    )


def _copy(
    connection: Connection, table: Table, columns: Sequence[str], rows: Iterable[Sequence[object]]
) -> None:
    """COPY, because 50,000 problems are an ordinary batch: some five times faster than INSERT."""
    names = ", ".join(f'"{name}"' for name in columns)
    cursor = connection.connection.cursor()
    with cursor.copy(f"COPY {table.name} ({names}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def _source(given: NewProblem, index: int) -> str:
    try:
        return json.dumps(storable_json(given.source), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InvalidField(f"problems[{index}].source", f"is not JSON: {error}") from None
