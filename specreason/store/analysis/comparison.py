"""Compares two batches of a viewer: the figures of both, and page by page the jobs of their common problems."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from itertools import islice
from uuid import UUID

from sqlalchemy import func, select

from specreason.errors import InvalidField, NotFound
from specreason.evaluation.comparison.matching import Match, match
from specreason.evaluation.comparison.values import ComparedPair, Comparison, Outcome
from specreason.evaluation.runs import Run
from specreason.grading.votes import vote_of
from specreason.store.access.visibility import Viewer
from specreason.store.analysis.runs import read_runs
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
        runs = read_runs(connection, viewer, a, b)
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
        runs = read_runs(connection, viewer, a, b)
        matched = match(*runs)
        start = -1 if after is None else _place(runs[0], after)
        chosen = set(_chosen(runs[0], matched, problem_ref))
        if outcomes:
            chosen = {number for number in chosen if matched.grades[number].outcome in outcomes}
        wanted = (pair for pair in matched.pairs if pair[0] in chosen and pair[1] > start)
        pairs = list(islice(wanted, limit + 1))
        page = pairs[:limit]
        texts = _beginnings(connection, a, {matched.problems[number][0] for number, _, _ in page})
    rows = (_row(runs, matched, pair, texts) for pair in page)
    return Page(rows=tuple(rows), has_more=len(pairs) > limit)


def _place(run: Run, job_id: UUID) -> int:
    """The place of a job in the columns: they are in the order of pages."""
    try:
        return run.jobs["job_id"].index(job_id)
    except ValueError:
        raise InvalidField(
            "after", f"must be `next` of the page before: batch A has no job {job_id}"
        ) from None


def _chosen(a: Run, matched: Match, ref: str | None) -> Iterable[int]:
    """The numbers of the matched problems that are called so."""
    numbers = range(len(matched.problems))
    if ref is None:
        return numbers
    ids = a.problems["problem_id"]
    by_id = [number for number in numbers if ids[matched.problems[number][0]] == ref]
    found = by_id or [number for number in numbers if str(matched.problems[number][0]) == ref]
    if not found:
        raise NotFound(f"problem: none that is in both batches has the id, or in A the index, {shown(ref)}")
    return found


def _beginnings(connection: Connection, batch_id: UUID, indexes: Collection[int]) -> Mapping[int, str]:
    begins = func.left(problem.c.text, BEGINNING).label("text")
    rows = select(problem.c.index, begins).where(
        problem.c.batch_id == batch_id, problem.c.index.in_(sorted(indexes))
    )
    return dict(map(tuple, connection.execute(rows)))


def _row(
    runs: tuple[Run, Run], matched: Match, pair: tuple[int, int, int], texts: Mapping[int, str]
) -> ComparedPair:
    number, place, other = pair
    ours, theirs = runs[0].job(place), runs[1].job(other)
    index = ours.problem_index
    return ComparedPair(
        problem_id=runs[0].problems["problem_id"][index],
        problem=texts[index],
        gold=runs[0].problems["gold"][index],
        index_a=index,
        index_b=theirs.problem_index,
        repeat=ours.repeat,
        outcome=matched.grades[number].outcome,
        job_a=ours.job_id,
        job_b=theirs.job_id,
        state_a=ours.state,
        state_b=theirs.state,
        is_correct_a=ours.is_correct,
        is_correct_b=theirs.is_correct,
        answer_a=ours.answer,
        answer_b=theirs.answer,
        latency_a_s=ours.timed_s,
        latency_b_s=theirs.timed_s,
        spent_tokens_a=ours.spent_tokens,
        spent_tokens_b=theirs.spent_tokens,
    )
