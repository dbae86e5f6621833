"""Why the jobs of a batch failed or died: their errors by kind, so that a thousand of one kind are one line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, select

from specreason.store.access.visibility import Viewer, require_batch
from specreason.store.session import Database, transaction
from specreason.store.tables.error_kinds import SIGN, beginning_of_error, kind_of_error
from specreason.store.tables.queue import job

MOST_KINDS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorKind:
    """Errors that differ only in ids and numbers. `example` is one of them, cut to BEGINNING characters.

    `part` is the longest text that all of them contain: what a filter of jobs finds them by.
    """

    example: str
    part: str
    num_jobs: int
    states: Mapping[str, int]


def read_error_kinds(database: Database, viewer: Viewer, batch_id: UUID) -> tuple[ErrorKind, ...]:
    """The kinds of errors of a batch's jobs, the most frequent first, MOST_KINDS at most. Raises NotFound."""
    begins = beginning_of_error()
    kind = kind_of_error().label("kind")
    grouped = (
        select(kind, job.c.state, func.min(begins).label("example"), func.count().label("number"))
        .where(job.c.batch_id == batch_id, job.c.error.is_not(None))
        .group_by(kind, job.c.state)
    )
    states: dict[str, dict[str, int]] = {}
    examples: dict[str, str] = {}
    with transaction(database) as connection:
        require_batch(connection, viewer, batch_id)
        for row in connection.execute(grouped):
            states.setdefault(row.kind, {})[row.state] = row.number
            examples.setdefault(row.kind, row.example)
    kinds = [
        ErrorKind(
            example=examples[kind],
            part=max(re.split(SIGN, kind), key=len).strip(),
            num_jobs=sum(by_state.values()),
            states=by_state,
        )
        for kind, by_state in states.items()
    ]
    return tuple(sorted(kinds, key=lambda each: -each.num_jobs)[:MOST_KINDS])
