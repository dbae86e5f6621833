"""Reads a batch's traces from the API, job by job, with the scores that a process reward model has given them already.

Each page of rows is asked for by itself: to score a page takes long, and no stream stays open meanwhile.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any, cast
from uuid import UUID

from specreason.client import Client, RowPage
from specreason.prm.traces import Asked, Step

Rows = dict[str, Any]
REJECTED = ("rejected", "rejected_no_digit")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredTrace:
    """The kept steps of a job's thinking, and the scores that are stored of them.

    `has_ended` and `has_texts`: without either there is nothing to score, and `steps` is empty.
    """

    job_id: UUID
    problem: str
    num_steps: int
    steps: tuple[Step, ...]
    scores: dict[Asked, float]
    has_ended: bool
    has_texts: bool


@dataclass(frozen=True, slots=True)
class Model:
    """The names under which a model's scores are stored."""

    prm: str
    revision: str


def stored_traces(client: Client, batch_id: UUID, model: Model) -> Iterator[StoredTrace]:
    """Every job of the batch in the order of their ids."""
    # Before all else: of a job that had ended by then, every step and text is among what is read later.
    jobs = list(_rows(client, batch_id, "job", ("id", "problem_id", "finished_at")))
    problems = {row["id"]: row["text"] for row in _rows(client, batch_id, "problem", ("id", "text"))}
    steps = _ByJob(_rows(client, batch_id, "step", ("job_id", "index", "phase", "decision", "author")))
    texts = _ByJob(_rows(client, batch_id, "payload", ("job_id", "index", "kept_text", "draft_text")))
    columns = ("job_id", "step_index", "prm", "revision", "score", "draft_score")
    rewards = _ByJob(_rows(client, batch_id, "reward", columns))
    for row in jobs:
        thinking = [s for s in steps.of(row["id"]) if s["phase"] == "think" and s["author"] is not None]
        of_texts = {each["index"]: each for each in texts.of(row["id"])}
        of_model = [each for each in rewards.of(row["id"]) if Model(each["prm"], each["revision"]) == model]
        has_texts = all(each["index"] in of_texts for each in thinking)
        has_ended = row["finished_at"] is not None
        yield StoredTrace(
            job_id=UUID(row["id"]),
            problem=problems[row["problem_id"]],
            num_steps=len(thinking),
            steps=_steps(thinking, of_texts) if has_texts and has_ended else (),
            scores=_scores(of_model),
            has_ended=has_ended,
            has_texts=has_texts,
        )


def _steps(rows: Sequence[Rows], texts: dict[int, Rows]) -> tuple[Step, ...]:
    return tuple(
        Step(
            index=row["index"],
            text=texts[row["index"]]["kept_text"],
            draft=texts[row["index"]]["draft_text"] if row["decision"] in REJECTED else None,
        )
        for row in rows
    )


def _scores(rewards: Sequence[Rows]) -> dict[Asked, float]:
    scores = {Asked(row["step_index"]): row["score"] for row in rewards}
    drafts = {
        Asked(row["step_index"], is_draft=True): row["draft_score"]
        for row in rewards
        if row["draft_score"] is not None
    }
    return scores | drafts


def _rows(client: Client, batch_id: UUID, table: str, columns: Sequence[str]) -> Iterator[Rows]:
    """The columns of a table's rows, in the order of its key."""
    after: str | None = None
    while True:
        with closing(cast("Generator[RowPage]", client.rows(batch_id, table, after))) as pages:
            page = next(pages)
        if page.last is None:
            return
        yield from page.rows.select(list(columns)).to_pylist()
        after = page.last


class _ByJob:
    """The rows of one job after another, of a table that is sorted by job."""

    def __init__(self, rows: Iterator[Rows]) -> None:
        self._groups = groupby(rows, key=itemgetter("job_id"))
        self._next: tuple[str, list[Rows]] | None = None
        self._advance()

    def of(self, job_id: str) -> list[Rows]:
        """The rows of this job. Jobs are asked for in ascending order; those that are not asked for are passed over."""
        while self._next is not None and self._next[0] < job_id:
            self._advance()
        return [] if self._next is None or self._next[0] != job_id else self._next[1]

    def _advance(self) -> None:
        found = next(self._groups, None)
        self._next = None if found is None else (found[0], list(found[1]))
