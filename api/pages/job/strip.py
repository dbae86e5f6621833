"""The ten digits of a verdict as bars, with the threshold and the score: values of a small SVG.

It is 100 wide: digit d has the ten units from 10 d on. Bars stand on y = 20 and are 20 high at a probability of 1; the
digits stand below them.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from specreason.config import ScoreMethod
from specreason.store.trace.steps import StepRow

HEIGHT = 20
# Digits less likely than this are not named in words.
LEAST_NAMED = 0.01
LEAST_DRAWN = 0.005


@dataclass(frozen=True, slots=True, kw_only=True)
class Strip:
    """`bars` and `scored` are SVG paths: those of the other digits and that of the score. The x are in its units."""

    bars: str
    scored: str
    score_x: float | None
    threshold_x: float | None
    label: str


def strip_of(step: StepRow, method: ScoreMethod) -> Strip | None:
    """The strip of a step; None without a verdict. `method` says what counted as the score."""
    probs = step.digit_probs
    if probs is None:
        return None
    by_mean = method is ScoreMethod.EXPECTED
    bars = {digit: _bar(digit, p) for digit, p in enumerate(probs) if p is not None and p >= LEAST_DRAWN}
    scored = bars.pop(step.score, "") if step.score is not None else ""
    score = step.expected_score if by_mean else step.score
    return Strip(
        bars="".join(bars.values()),
        scored=scored,
        score_x=None if score is None else _centre(score),
        threshold_x=_threshold(step.threshold, by_mean=by_mean),
        label=_label(step),
    )


def _bar(digit: int, probability: float) -> str:
    height = round(HEIGHT * min(probability, 1.0), 1)
    return f"M{10 * digit + 1} {HEIGHT}v-{height:g}h8v{height:g}z"


def _centre(score: float) -> float:
    return round(10 * score + 5, 1)


def _threshold(threshold: float | None, *, by_mean: bool) -> float | None:
    """A mean is compared on the scale itself; a digit passes if its whole column is behind the line."""
    if threshold is None:
        return None
    x = _centre(threshold) if by_mean else 10.0 * ceil(threshold)
    return min(max(x, 0.0), 100.0)


def _label(step: StepRow) -> str:
    """The same in words."""
    likely = [
        f"{digit}: {p:.0%}"
        for digit, p in enumerate(step.digit_probs or ())
        if p is not None and p >= LEAST_NAMED
    ]
    score = "no digit" if step.score is None else f"score {step.score}"
    return f"Verdict: {score}. Probabilities: {', '.join(likely) or 'on no digit'}."
