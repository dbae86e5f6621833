"""The head of a batch's page: what changes while it runs. It costs one pass over the rows of its jobs."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from api.pages.batch.words import left_in_words
from api.pages.stops import STOPS
from specreason.store.access.visibility import Viewer
from specreason.store.read.counts import BatchCounts, read_counts, read_pace
from specreason.store.session import Database

FOLLOW_S = 2  # between two looks at a batch that runs


def head_of(store: Database, viewer: Viewer, batch_id: UUID) -> dict[str, Any]:
    """The values of the template `batch/head`. Raises NotFound."""
    counts = read_counts(store, viewer, batch_id)
    pace = read_pace(store, viewer, batch_id) if counts.num_running and counts.num_ended else None
    return {
        "batch": counts,
        "left": left_in_words(counts, pace),
        "doing": _doing(counts),
        "follow_s": FOLLOW_S if counts.num_open else None,
        "STOPS": STOPS,
    }


def _doing(counts: BatchCounts) -> str:
    """What the batch does now, in a word or two."""
    if not counts.num_open:
        return "ended"
    if counts.paused_at is not None:
        return "paused"
    return "running" if counts.num_running else "waiting for a worker"
