"""Is one run better than another? The chances that two runs over the same problems differ so much by chance alone."""

from __future__ import annotations

from collections.abc import Sequence

from specreason.evaluation.scientific import np, special


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
