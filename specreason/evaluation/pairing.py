"""Is one run better than another? Two runs over the same problems, compared problem by problem."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from specreason.evaluation.clusters import difference_of_shares
from specreason.evaluation.intervals import Interval
from specreason.evaluation.scientific import np, special


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedShares:
    """How two runs differ in their share of right answers.

    A problem is `won` if more of its repeats are right in the first run than in the second. `mcnemar_p` is the exact
    test of won against lost problems (McNemar's, with one repeat). `bootstrap_p` tests the difference itself, so that a
    problem counts by how many repeats it is won. Both are two-sided.
    """

    difference: Interval
    num_problems: int
    num_pairs: int
    num_won: int
    num_lost: int
    num_tied: int
    mcnemar_p: float
    bootstrap_p: float


def paired_shares(ours: Sequence[Sequence[bool]], theirs: Sequence[Sequence[bool]]) -> PairedShares | None:
    """Compare grades: of each problem, its repeats in both runs, repeat by repeat.

    None without a pair. ValueError if a problem has more repeats in one run than in the other.
    """
    pairs = [list(zip(a, b, strict=True)) for a, b in zip(ours, theirs, strict=True)]
    counts = [len(repeats) for repeats in pairs if repeats]
    if not counts:
        return None
    differences = [sum(a for a, _ in repeats) - sum(b for _, b in repeats) for repeats in pairs if repeats]
    won, lost = sum(d > 0 for d in differences), sum(d < 0 for d in differences)
    return PairedShares(
        difference=difference_of_shares(differences, counts),
        num_problems=len(differences),
        num_pairs=sum(counts),
        num_won=won,
        num_lost=lost,
        num_tied=len(differences) - won - lost,
        mcnemar_p=mcnemar_p(won, lost),
        bootstrap_p=bootstrap_p(differences),
    )


def mcnemar_p(num_won: int, num_lost: int) -> float:
    """The chance that won and lost problems differ by so much if both were equally likely; 1 if none differs."""
    return min(1.0, 2 * float(special.bdtr(min(num_won, num_lost), num_won + num_lost, 0.5)))


def bootstrap_p(differences: Sequence[int]) -> float:
    """The chance of a difference as large if there were none: by problem, right repeats of the one less of the other.

    It is the wild cluster bootstrap (Cameron, Gelbach and Miller 2008) over all its draws, not over a sample: each
    problem keeps its difference and takes either sign, as if chance had decided which run is which. The distribution of
    the sum is the inverse Fourier transform of a product of cosines. Chances below 1e-12 are 1e-12.
    """
    sizes, number = np.unique(np.abs(np.asarray(differences, dtype=int)), return_counts=True)
    observed, most = abs(int(np.sum(differences))), int(sizes @ number)
    angles = np.arange(most + 1) * (2 * np.pi / (2 * most + 1))
    transform = np.ones(most + 1)
    for size, num in zip(sizes.tolist(), number.tolist(), strict=True):
        transform *= np.cos(size * angles) ** num
    chances = np.fft.irfft(
        transform, 2 * most + 1
    )  # of the sums 0, 1, …, most, and then of the negative ones
    return float(np.clip(chances[observed : 2 * most + 2 - observed].sum(), 1e-12, 1.0))
