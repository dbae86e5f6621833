"""Numbers in the sentences of a report."""

from __future__ import annotations

from collections.abc import Callable

from specreason.evaluation.intervals import Interval, within


def share(interval: Interval) -> str:
    """Such as 0.85 (95 %: 0.80 to 0.89)."""
    return _with_bounds(interval, lambda value: f"{value:.2f}")


def times(interval: Interval) -> str:
    """Such as 1.9 times (95 %: 1.7 to 2.1)."""
    bounds = within(interval, lambda value: f"{value:.2f}")
    return f"{interval.mean:.2f} times{'' if bounds is None else f' (95 %: {bounds})'}"


def points(interval: Interval) -> str:
    """A difference of shares in percentage points."""
    return f"{_with_bounds(interval, point)} points"


def point(value: float) -> str:
    """One of them, with the sign of a minus; no point at all has none."""
    text = f"{100 * value:+.1f}"
    return text.replace("-", "−") if float(text) else "0.0"


def seconds(value: float) -> str:
    return f"{value:.2f} s"


def tokens(value: float) -> str:
    return f"{value:,.0f} tokens"


def percent(value: float) -> str:
    return f"{100 * value:.0f} %"


def _with_bounds(interval: Interval, written: Callable[[float], str]) -> str:
    bounds = within(interval, written)
    return f"{written(interval.mean)}{'' if bounds is None else f' (95 %: {bounds})'}"
