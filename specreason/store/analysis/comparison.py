"""Compares two batches of a viewer: the figures of both, and page by page the jobs of their common problems."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from uuid import UUID

from sqlalchemy import func, select

from specreason.errors import InvalidField, NotFound
from specreason.evaluation.comparison.matching import Match, MatchedProblem, match
from specreason.evaluation.comparison.values import ComparedPair, Comparison, Outcome
from specreason.evaluation.runs import Run, RunJob
from specreason.grading.votes import vote_of
from specreason.store.access.visibility import Viewer
from specreason.store.analysis.runs import read_run
from specreason.store.read.pages import Page
from specreason.store.session import Connection, Database, transaction
from specreason.store.tables.queue import problem
from specreason.words import shown

# Characters of a problem's text in a list of problems.
BEGINNING = 200


def compare_batches(
    database: Database,
    viewer: Viewer,
    a: UUID,
    b: UUID,
    *,
    k: int | None = None,
    gpu_hour_price: float | None = None,
) -> Comparison:
    """Batch B against batch A.

    Raises NotFound, InputError if they have no problem in common, InvalidField for a k that there is not, and
    ExtraMissing.
    """
    from specreason.evaluation.comparison.compare import compare  # it needs the extra `analysis`

    with transaction(database) as connection:
        runs = _read(connection, viewer, a, b)
    return compare(*runs, vote_of=vote_of, k=k, gpu_hour_price=gpu_hour_price)


def compared_pairs(
    database: Database,
    viewer: Viewer,
    a: UUID,
    b: UUID,
    *,
    outcomes: Collection[Outcome] = (),
    problem_ref: str | None = None,
    after: UUID | None = None,
    limit: int = 100,
) -> Page[ComparedPair]:
    """A page of pairs of jobs, in the order of A's problems and repeats, behind the one with A's job `after`.

    `outcomes` are of problems, all by default. `problem_ref` is a problem's id, or else its index in A. Raises NotFound
    and InputError as `compare_batches` does.
    """
    with transaction(database) as connection:
        runs = _read(connection, viewer, a, b)
        matched = match(*runs)
        start = _place(runs[0], after)
        pairs = [
            (found, ours, theirs)
            for found in _chosen(matched, problem_ref)
            if not outcomes or found.outcome in outcomes
            for ours, theirs in found.pairs
            if start is None or (ours.problem_index, ours.repeat) > start
        ]
        page = pairs[:limit]
        texts = _beginnings(connection, a, {ours.problem_index for _, ours, _ in page})
    rows = (_row(found, ours, theirs, texts[ours.problem_index]) for found, ours, theirs in page)
    return Page(rows=tuple(rows), has_more=len(pairs) > limit)


def _read(connection: Connection, viewer: Viewer, a: UUID, b: UUID) -> tuple[Run, Run]:
    ours = read_run(connection, a, viewer)
    return ours, ours if a == b else read_run(connection, b, viewer)


def _place(run: Run, after: UUID | None) -> tuple[int, int] | None:
    if after is None:
        return None
    found = next((job for job in run.jobs if job.job_id == after), None)
    if found is None:
        raise InvalidField("after", f"must be `next` of the page before: batch A has no job {after}")
    return found.problem_index, found.repeat


def _chosen(matched: Match, ref: str | None) -> Iterable[MatchedProblem]:
    if ref is None:
        return matched.problems
    by_id = [each for each in matched.problems if each.a.problem_id == ref]
    found = by_id or [each for each in matched.problems if str(each.a.index) == ref]
    if not found:
        raise NotFound(f"problem: none that is in both batches has the id, or in A the index, {shown(ref)}")
    return found


def _beginnings(connection: Connection, batch_id: UUID, indexes: Collection[int]) -> Mapping[int, str]:
    begins = func.left(problem.c.text, BEGINNING).label("text")
    rows = select(problem.c.index, begins).where(
        problem.c.batch_id == batch_id, problem.c.index.in_(sorted(indexes))
    )
    return dict(map(tuple, connection.execute(rows)))


def _row(found: MatchedProblem, ours: RunJob, theirs: RunJob, text: str) -> ComparedPair:
    return ComparedPair(
        problem_id=found.a.problem_id,
        problem=text,
        gold=found.a.gold,
        index_a=ours.problem_index,
        index_b=theirs.problem_index,
        repeat=ours.repeat,
        outcome=found.outcome,
        job_a=ours.job_id,
        job_b=theirs.job_id,
        state_a=ours.state,
        state_b=theirs.state,
        is_correct_a=ours.is_correct,
        is_correct_b=theirs.is_correct,
        answer_a=ours.answer,
        answer_b=theirs.answer,
        latency_a_s=ours.latency_s if ours.is_timed else None,
        latency_b_s=theirs.latency_s if theirs.is_timed else None,
        spent_tokens_a=ours.spent_tokens,
        spent_tokens_b=theirs.spent_tokens,
    )
