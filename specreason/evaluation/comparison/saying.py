"""Says in sentences what the figures of a comparison allow to say, and what they do not."""

from __future__ import annotations

import math

from specreason.evaluation.comparison.values import Figure, Figures, Side
from specreason.evaluation.intervals import Interval
from specreason.words import counted

# Differences of pass@1 that somebody may want to see.
SIZES = (0.1, 0.05, 0.02, 0.01, 0.005)
# Standard errors by which a difference must exceed 0 to be shown in four tries of five: 1.96 + 0.84.
SHOWN_IN_MOST_TRIES = 2.8016
# Fewer problems do not tell how much problems differ.
FEWEST_TO_FORESEE = 10
# Mean numbers of jobs in flight that differ by a larger factor are different conditions.
LIKE = 1.2


def sentences(figures: Figures, a: Side, b: Side, *, variance: float | None) -> tuple[str, ...]:
    """On right answers, then on latency and device time as far as they were measured.

    `variance` is that of a problem's difference in right answers; None without grades.
    """
    said = (
        _on_right_answers(figures.pass_at_1, variance),
        _on_latency(figures, a, b),
        _on_cost(figures.gpu_s),
    )
    return tuple(sentence for sentence in said if sentence is not None)


def at_other_load(a: Side, b: Side) -> bool:
    """Whether both latencies were measured with another number of jobs in flight."""
    if a.concurrency is None or b.concurrency is None:
        return False
    return max(a.concurrency, b.concurrency) > LIKE * min(a.concurrency, b.concurrency)


def needed_problems(variance: float, size: float) -> int:
    """How many problems, whose differences have this variance, would show one of `size` in four tries of five."""
    return math.ceil(variance * (SHOWN_IN_MOST_TRIES / size) ** 2)


def _on_right_answers(figure: Figure | None, variance: float | None) -> str:
    if figure is None or figure.difference is None:
        return "Nothing can be said of right answers: no answer is graded in both batches."
    bounds = figure.difference.bounds
    if figure.num_problems < 2 or bounds is None:
        return (
            f"One problem tells nothing of others: its answers are right in {_share(figure.a)} of A's jobs and in "
            f"{_share(figure.b)} of B's."
        )
    size = (
        f"{_points(figure.difference.mean, '+')} points (95 %: {_points(bounds[0])} to {_points(bounds[1])}) "
        f"over {figure.num_problems:,} problems"
    )
    if bounds[0] > 0:
        return f"B is right more often: {size}."
    if bounds[1] < 0:
        return f"B is right less often: {size}."
    return f"No difference in right answers is shown: {size}{_more_needed(figure.num_problems, variance)}."


def _more_needed(num_problems: int, variance: float | None) -> str:
    if variance is None or num_problems < FEWEST_TO_FORESEE:
        return ""
    for size in SIZES:
        number = needed_problems(variance, size)
        if number > num_problems:
            noun = "1 point" if size == 0.01 else f"{100 * size:g} points"
            return f"; it would take about {_rounded(number):,} such problems to see one of {noun}"
    return ""


def _on_latency(figures: Figures, a: Side, b: Side) -> str | None:
    if figures.latency_s is None:
        return None
    if at_other_load(a, b):
        return (
            f"Latencies do not compare: A's were measured at {a.concurrency:.1f} jobs in flight, "
            f"B's at {b.concurrency:.1f}."
        )
    speedup = figures.speedup
    if speedup is None or figures.latency_s.num_problems < 2:
        return "Nothing can be said of latency: one problem tells nothing of others."
    low, high = speedup.bounds or (speedup.mean, speedup.mean)
    over = f"over {counted(figures.latency_s.num_jobs, 'job')}"
    if low > 1:
        return f"B is {_times(speedup)} as fast, {over}."
    unknown = "" if high < 1 else "No difference in latency is shown: "
    return f"{unknown}B takes {_times(_inverse(speedup))} as long, {over}."


def _on_cost(figure: Figure | None) -> str | None:
    if figure is None or figure.ratio is None or figure.num_problems < 2:
        return None
    low, high = figure.ratio.bounds or (figure.ratio.mean, figure.ratio.mean)
    if low <= 1 <= high:
        return f"No difference in device time is shown: B takes {_times(figure.ratio)} as much."
    return f"B takes {_times(figure.ratio)} as much device time."


def _inverse(ratio: Interval) -> Interval:
    low, high = ratio.bounds or (None, None)
    return Interval(mean=1 / ratio.mean, low=high and 1 / high, high=low and 1 / low)


def _times(ratio: Interval) -> str:
    """Several problems have no interval where all have the same ratio."""
    bounds = ratio.bounds
    within = "on each problem" if bounds is None else f"95 %: {bounds[0]:.2f} to {bounds[1]:.2f}"
    return f"{ratio.mean:.2f} times ({within})"


def _points(share: float, sign: str = "") -> str:
    """A difference of shares in percentage points; with the sign "+" also where it is positive."""
    text = f"{100 * share:{sign}.1f}"
    return text.replace("-", "−") if float(text) else "0.0"


def _share(interval: Interval | None) -> str:
    return "none" if interval is None else f"{interval.mean:.0%}"


def _rounded(number: int) -> int:
    """Two digits: more would say more than is known."""
    scale = int(10 ** max(0, len(str(number)) - 2))
    return math.ceil(number / scale) * scale
