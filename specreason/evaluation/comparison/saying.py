"""Says in sentences what the figures of a comparison allow to say, and what they do not."""

from __future__ import annotations

import math

from specreason.evaluation.bounds import quantile_of_t
from specreason.evaluation.comparison.values import Figure, Figures, Side
from specreason.evaluation.intervals import Interval
from specreason.words import counted

# Differences of pass@1 that somebody may want to see.
SIZES = (0.1, 0.05, 0.02, 0.01, 0.005)
# Standard errors by which a difference must exceed 0 to be shown in four tries of five: 1.96 + 0.84.
SHOWN_IN_MOST_TRIES = 2.8016
# Mean numbers of jobs in flight that differ by a larger factor are different conditions.
LIKE = 1.2


def sentences(figures: Figures, a: Side, b: Side) -> tuple[str, ...]:
    """On right answers, then on latency and device time as far as they were measured."""
    said = (_on_right_answers(figures.pass_at_1), _on_latency(figures, a, b), _on_cost(figures.gpu_s))
    return tuple(sentence for sentence in said if sentence is not None)


def at_other_load(a: Side, b: Side) -> bool:
    """Whether both latencies were measured with another number of jobs in flight."""
    if a.concurrency is None or b.concurrency is None:
        return False
    return max(a.concurrency, b.concurrency) > LIKE * min(a.concurrency, b.concurrency)


def needed_problems(figure: Figure, size: float) -> int | None:
    """How many such problems would show a difference of `size`, in four tries of five; None if nothing tells."""
    bounds = None if figure.difference is None else figure.difference.bounds
    if bounds is None or figure.num_problems < 2:
        return None
    error = (bounds[1] - bounds[0]) / 2 / quantile_of_t(figure.num_problems)
    return math.ceil(figure.num_problems * (SHOWN_IN_MOST_TRIES * error / size) ** 2)


def _on_right_answers(figure: Figure | None) -> str:
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
    return f"No difference in right answers is shown: {size}{_more_needed(figure)}."


def _more_needed(figure: Figure) -> str:
    for size in SIZES:
        number = needed_problems(figure, size)
        if number is not None and number > figure.num_problems:
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
    bounds = None if speedup is None else speedup.bounds
    if speedup is None or bounds is None or figures.latency_s.num_problems < 2:
        return "Nothing can be said of latency: one problem tells nothing of others."
    over = f"over {counted(figures.latency_s.num_jobs, 'job')}"
    if bounds[0] > 1:
        return f"B is {_times(speedup)} as fast, {over}."
    slower = Interval(mean=1 / speedup.mean, low=1 / bounds[1], high=1 / bounds[0])
    if bounds[1] < 1:
        return f"B takes {_times(slower)} as long, {over}."
    return f"No difference in latency is shown: B takes {_times(slower)} as long, {over}."


def _on_cost(figure: Figure | None) -> str | None:
    if figure is None or figure.ratio is None or figure.ratio.bounds is None or figure.num_problems < 2:
        return None
    low, high = figure.ratio.bounds
    if low <= 1 <= high:
        return f"No difference in device time is shown: B takes {_times(figure.ratio)} as much."
    return f"B takes {_times(figure.ratio)} as much device time."


def _times(ratio: Interval) -> str:
    low, high = ratio.bounds or (math.nan, math.nan)
    return f"{ratio.mean:.2f} times (95 %: {low:.2f} to {high:.2f})"


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
