"""Is one run better than another? Two runs over the same problems, compared problem by problem."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from specreason.evaluation.clusters import difference_of_shares
from specreason.evaluation.intervals import Interval
from specreason.evaluation.scientific import np, stats

RESAMPLES = 9_999


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedShares:
    """How two runs differ in their share of right answers.

    A problem is `won` if more of its repeats are right in the first run than in the second. `mcnemar_p` is the exact
    test of won against lost problems (McNemar's, with one repeat); `bootstrap_p` that of the difference, with problems
    drawn again. Both are two-sided.
    """

    difference: Interval
    num_problems: int
    num_pairs: int
    num_won: int
    num_lost: int
    num_tied: int
    mcnemar_p: float
    bootstrap_p: float


def paired_shares(ours: Sequence[Sequence[bool]], theirs: Sequence[Sequence[bool]]) -> PairedShares:
    """Compare grades: of each problem, its repeats in both runs, repeat by repeat. There is at least one problem."""
    differences = [sum(a) - sum(b) for a, b in zip(ours, theirs, strict=True)]
    counts = [len(a) for a in ours]
    won, lost = sum(d > 0 for d in differences), sum(d < 0 for d in differences)
    return PairedShares(
        difference=difference_of_shares(differences, counts),
        num_problems=len(differences),
        num_pairs=sum(counts),
        num_won=won,
        num_lost=lost,
        num_tied=len(differences) - won - lost,
        mcnemar_p=mcnemar_p(won, lost),
        bootstrap_p=bootstrap_p(differences, counts),
    )


def mcnemar_p(num_won: int, num_lost: int) -> float:
    """The chance that won and lost problems differ by so much if both were equally likely; 1 if none differs."""
    if num_won + num_lost == 0:
        return 1.0
    return float(stats.binomtest(num_won, num_won + num_lost).pvalue)


def bootstrap_p(differences: Sequence[float], counts: Sequence[int], *, seed: int = 0) -> float:
    """The chance of a difference this large, by drawing problems with replacement around no difference.

    Equal problems are drawn together, so that the time depends on how many kinds of problems there are.
    """
    kinds, number = np.unique(np.column_stack([differences, counts]), axis=0, return_counts=True)
    total = int(number.sum())
    overall = float(kinds[:, 0] @ number / (kinds[:, 1] @ number))
    drawn = np.random.default_rng(seed).multinomial(total, number / total, size=RESAMPLES)
    means = (drawn @ kinds[:, 0]) / (drawn @ kinds[:, 1])
    # A tolerance: the same difference, summed in another order, must count as equal.
    as_large = np.abs(means - overall) >= abs(overall) - 1e-12
    return float((int(as_large.sum()) + 1) / (RESAMPLES + 1))
