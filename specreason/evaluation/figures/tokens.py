"""What became of the tokens, and how much of the thinking is the drafter's."""

from __future__ import annotations

from specreason.evaluation.clusters import (
    mean_over_problems,
    ratio_of_means,
    share_over_problems,
    sums_by_problem,
)
from specreason.evaluation.figures.values import Tokens
from specreason.evaluation.intervals import Interval
from specreason.evaluation.scientific import Numbers, np


def tokens(
    problems: Numbers,
    *,
    kept: Numbers,
    spent: Numbers,
    by_drafter: Numbers,
    steps: Numbers,
    drafter_steps: Numbers,
) -> Tokens | None:
    """Summarize the tokens of jobs: by job its problem, its tokens kept, spent, and kept from the drafter.

    `steps` of thinking that a model wrote, and `drafter_steps` of these. A number may be NaN where it is unknown: such
    a job is left out. None without jobs.
    """
    table = np.array([kept, spent, by_drafter, steps, drafter_steps], dtype=float)
    known = ~np.isnan(table.sum(axis=0))
    if not known.any():
        return None
    jobs, of_kept, of_spent, of_drafter, of_steps, of_drafter_steps = sums_by_problem(
        np.asarray(problems)[known], *table[:, known]
    )
    return Tokens(
        kept=mean_over_problems(of_kept, jobs),
        spent=mean_over_problems(of_spent, jobs),
        wasted=mean_over_problems(of_spent - of_kept, jobs),
        wasted_share=_share(of_spent - of_kept, of_spent),
        drafter_steps=_share(of_drafter_steps, of_steps),
        drafter_tokens=_share(of_drafter, of_kept),
        speedup_limit=ratio_of_means(of_kept, of_kept - of_drafter),
        num_jobs=int(jobs.sum()),
        num_problems=len(jobs),
    )


def _share(hits: np.ndarray, counts: np.ndarray) -> Interval | None:
    return share_over_problems(hits, counts) if counts.sum() > 0 else None
