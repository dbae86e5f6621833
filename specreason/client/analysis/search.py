"""Steps that a search has found."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from specreason.client.pages import read_pages
from specreason.client.transport import Transport


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundStep:
    """A step with a text that was searched for, and the part of the text around the first hit.

    `found_in` is "kept" or "draft", which is one that was rejected. `hits` are start and end of each hit in `snippet`.
    """

    job_id: UUID
    problem_index: int
    problem_id: str | None
    repeat: int
    index: int
    phase: str
    decision: str
    score: int | None
    found_in: str
    snippet: str
    hits: tuple[tuple[int, int], ...]


def search(transport: Transport, batch_id: UUID, words: str, *, drafts: bool) -> Iterator[FoundStep]:
    """Every such step, page by page."""
    path = f"/api/batches/{batch_id}/search"
    return read_pages(transport, path, FoundStep, "after", q=words, drafts="true" if drafts else None)
