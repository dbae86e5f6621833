"""The statistics of jobs that have run: a batch's own rows in place of the paper's figures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from statistics import fmean
from typing import Protocol

from specreason.config import SchemeName
from specreason.planning.forecast import Workload
from specreason.planning.workload import StepStatistics, shares_of


class MeasuredJob(Protocol):
    """The part of a job's row that counts here."""

    @property
    def think_tokens(self) -> int: ...
    @property
    def answer_tokens(self) -> int: ...


class MeasuredStep(Protocol):
    """The part of a step's row that counts here."""

    @property
    def index(self) -> int: ...
    @property
    def score(self) -> int | None: ...
    @property
    def draft_tokens(self) -> int | None: ...
    @property
    def draft_prompt_tokens(self) -> int | None: ...
    @property
    def verify_prompt_tokens(self) -> int | None: ...
    @property
    def written_tokens(self) -> int | None: ...
    @property
    def written_prompt_tokens(self) -> int | None: ...


def workload_of(
    scheme: SchemeName,
    jobs: Sequence[MeasuredJob],
    steps: Iterable[MeasuredStep],
    usual: Workload,
    source: str,
) -> Workload:
    """Return `usual` with what the rows of one batch tell; `steps` are those of some of its jobs.

    Jobs of one scheme do not tell how long they think under another. So all lengths of thinking change by the same
    factor, and a batch that drafted nothing keeps the usual steps and scores.
    """
    rows = list(steps)
    return Workload(
        source=source,
        best=_with_rows(usual.best, scheme, jobs, rows),
        worst=_with_rows(usual.worst, scheme, jobs, rows),
    )


def _with_rows(
    usual: StepStatistics, scheme: SchemeName, jobs: Sequence[MeasuredJob], rows: Sequence[MeasuredStep]
) -> StepStatistics:
    longer = fmean(job.think_tokens for job in jobs) / usual.thinking(scheme)
    known = replace(
        usual,
        think_tokens=usual.think_tokens * longer,
        base_tokens=usual.base_tokens * longer,
        drafter_tokens=usual.drafter_tokens * longer,
        answer_tokens=fmean(job.answer_tokens for job in jobs),
        prompt_tokens=_mean([_prompt_tokens(row) for row in rows if row.index == 0], usual.prompt_tokens),
    )
    drafted = [row for row in rows if row.draft_tokens is not None]
    if not drafted:
        return known
    return replace(
        known,
        draft_tokens=_mean([row.draft_tokens for row in drafted], usual.draft_tokens),
        written_tokens=_mean([row.written_tokens for row in drafted], usual.written_tokens),
        suffix_tokens=_mean([_suffix_tokens(row) for row in drafted], usual.suffix_tokens),
        scores=shares_of(row.score for row in drafted),
    )


def _prompt_tokens(row: MeasuredStep) -> int | None:
    return row.draft_prompt_tokens if row.draft_prompt_tokens is not None else row.written_prompt_tokens


def _suffix_tokens(row: MeasuredStep) -> int | None:
    """Return the tokens between a draft and its verdict, if both models count alike."""
    if row.verify_prompt_tokens is None or row.draft_prompt_tokens is None or row.draft_tokens is None:
        return None
    return max(row.verify_prompt_tokens - row.draft_prompt_tokens - row.draft_tokens, 0)


def _mean(values: Iterable[int | None], usual: float) -> float:
    """Return the mean of those that are known, `usual` if none is."""
    known = [value for value in values if value is not None]
    return fmean(known) if known else usual
