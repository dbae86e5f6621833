"""The attempts at a job: what ended each, and where the next one went on between two steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from uuid import UUID

from api.pages.job.words import CRASHES, OUTCOMES
from specreason.store.read.attempts import AttemptRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Between two steps: attempt `number` - 1 ended, and attempt `number` went on with step `first_step`.

    `after_s` is the time between, None if it is not known. `is_crash`: an error or a lost worker ended the first.
    """

    number: int
    first_step: int
    ended_by: str
    is_crash: bool
    error: str | None
    from_worker: UUID
    to_worker: UUID
    after_s: float | None


def marks_of(attempts: Sequence[AttemptRow]) -> tuple[Mark, ...]:
    """A mark for each attempt but the first, in order."""
    return tuple(_mark(earlier, later) for earlier, later in pairwise(attempts))


def _mark(earlier: AttemptRow, later: AttemptRow) -> Mark:
    pause = None if earlier.ended_at is None else (later.started_at - earlier.ended_at).total_seconds()
    return Mark(
        number=later.number,
        first_step=later.first_step,
        ended_by="it is not known why" if earlier.outcome is None else OUTCOMES[earlier.outcome],
        is_crash=earlier.outcome in CRASHES,
        error=earlier.error,
        from_worker=earlier.worker_id,
        to_worker=later.worker_id,
        after_s=pause,
    )
