"""The jobs of a batch as a table, and the steps that a search has found. What is shown stands in the URL."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from fastapi import Request

from specreason.store.access.visibility import Viewer
from specreason.store.analysis.search import FoundStep, search_steps
from specreason.store.read.filters import JobFilter
from specreason.store.read.summaries import read_jobs
from specreason.store.session import Database
from specreason.store.tables.states import JobState

PAGE = 50
HITS = 20
# The parameters that filter jobs; others are of other parts of the page.
FILTERS = (
    "state",
    "is_correct",
    "stop_reason",
    "error",
    "problem_index",
    "problem_id",
    "repeat",
    "min_acceptance",
    "max_acceptance",
    "min_latency_s",
    "max_latency_s",
    "min_tokens",
    "max_tokens",
    "source",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A step with a text that was searched for: the part of the text around the first hit, and which parts are hits."""

    step: FoundStep
    parts: tuple[tuple[str, bool], ...]


def jobs_of(
    request: Request, store: Database, viewer: Viewer, batch_id: UUID, *, which: JobFilter, after: UUID | None
) -> dict[str, Any]:
    """Of the template `batch/jobs`: a page of jobs in the order of submission. Raises NotFound."""
    page = read_jobs(store, viewer, batch_id, after=after, limit=PAGE, which=which)
    asked = known_parameters(request, FILTERS)
    next_after = [("after", str(page.rows[-1].job_id))] if page.has_more else []
    return {
        "jobs": page.rows,
        "is_first": after is None,
        "first_page": urlencode(asked),
        "next_page": urlencode(asked + next_after) if next_after else None,
        "asked": {name: [value for key, value in asked if key == name] for name in FILTERS},
        "is_filtered": bool(asked),
        "STATES": tuple(JobState),
    }


def found_of(
    store: Database, viewer: Viewer, batch_id: UUID, words: str, *, drafts: bool, after: str | None
) -> dict[str, Any]:
    """Of the template `batch/find`: what a search has found; nothing without words. Raises InvalidField."""
    empty: dict[str, Any] = {"find": words, "drafts": drafts, "hits": (), "find_next": None}
    if not words:
        return empty
    page = search_steps(store, viewer, batch_id, words, drafts=drafts, after=after, limit=HITS)
    asked = [("find", words), *([("drafts", "1")] if drafts else [])]
    return empty | {
        "hits": tuple(Hit(step=step, parts=parts_of(step.snippet, step.hits)) for step in page.rows),
        "find_next": None if page.next is None else urlencode([*asked, ("find_after", page.next)]),
    }


def known_parameters(request: Request, names: Iterable[str]) -> list[tuple[str, str]]:
    """The parameters of these names in the query, without empty ones."""
    known = frozenset(names)
    return [(name, value) for name, value in request.query_params.multi_items() if name in known and value]


def parts_of(text: str, hits: Sequence[tuple[int, int]]) -> tuple[tuple[str, bool], ...]:
    parts, at = list[tuple[str, bool]](), 0
    for start, end in hits:
        parts += [(text[at:start], False), (text[start:end], True)]
        at = end
    return tuple(part for part in [*parts, (text[at:], False)] if part[0])
