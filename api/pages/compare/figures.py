"""The figures of a comparison as the page writes and draws them: A, B, and how far apart they are."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from api.site.words import number, percent, seconds
from specreason.evaluation.comparison.values import Figure, Figures, Outcomes
from specreason.evaluation.intervals import Interval, within

WIDTH = 200.0  # of the picture of one figure, in its own units; no difference is in the middle
LEAST_SHARE = 0.05  # the picture of shares reaches at least so far to both sides
LEAST_LOG = math.log(1.25)  # and that of ratios

Write = Callable[[float], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """How a figure is called and written. `is_good`: more of it is better (True), worse (False), neither (None)."""

    field: str
    name: str
    write: Write
    is_good: bool | None
    is_share: bool = False


def _share(value: float) -> str:
    return percent(value, 1)


def _points(value: float) -> str:
    """A difference of shares, in percentage points."""
    return number(100 * value, "{:.1f} points")


def _tokens(value: float) -> str:
    return number(value, "{:,.0f}")


KINDS = (
    Kind(field="pass_at_1", name="pass@1", write=_share, is_good=True, is_share=True),
    Kind(field="pass_at_k", name="pass@k", write=_share, is_good=True, is_share=True),
    Kind(field="majority_at_k", name="majority@k", write=_share, is_good=True, is_share=True),
    Kind(field="latency_s", name="latency of a job, mean", write=seconds, is_good=False),
    Kind(field="latency_p50_s", name="latency, median", write=seconds, is_good=False),
    Kind(field="latency_p95_s", name="latency, 95th percentile", write=seconds, is_good=False),
    Kind(field="gpu_s", name="device time of a job", write=seconds, is_good=False),
    Kind(field="gpu_s_per_right_answer", name="device time per right answer", write=seconds, is_good=False),
    Kind(field="price", name="price of a job", write=lambda value: f"{value:.4g}", is_good=False),
    Kind(
        field="price_per_right_answer",
        name="price per right answer",
        write=lambda value: f"{value:.4g}",
        is_good=False,
    ),
    Kind(field="kept_tokens", name="tokens kept", write=_tokens, is_good=None),
    Kind(field="spent_tokens", name="tokens spent", write=_tokens, is_good=False),
    Kind(field="wasted_tokens", name="tokens wasted", write=_tokens, is_good=False),
    Kind(field="step_acceptance", name="drafts accepted", write=_share, is_good=None, is_share=True),
    Kind(field="drafter_steps", name="steps by the drafter", write=_share, is_good=None, is_share=True),
    Kind(field="drafter_tokens", name="tokens by the drafter", write=_share, is_good=None, is_share=True),
)


@dataclass(frozen=True, slots=True)
class Said:
    """An estimate in words, and its interval; empty where there is none."""

    mean: str
    bounds: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """An interval in the picture: its left end, width and middle, and whether it is good, bad or neither (wait)."""

    x: float
    width: float
    at: float
    verdict: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureRow:
    """A figure of both batches in words, with its picture."""

    name: str
    a: Said
    b: Said
    difference: Said
    ratio: Said
    mark: Mark | None
    num_problems: int
    num_jobs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeBar:
    """A part of the bar of wins, ties and losses, in percent of its width."""

    outcome: str
    number: int
    x: float
    width: float


def figure_rows(figures: Figures, k: int | None) -> tuple[FigureRow, ...]:
    """The figures that are known. Those of one kind, shares and others, have one scale."""
    known = [(kind, figure) for kind in KINDS if (figure := getattr(figures, kind.field)) is not None]
    reach_share = _reach(
        (figure.difference for kind, figure in known if kind.is_share), lambda value: value, LEAST_SHARE
    )
    reach_log = _reach((figure.ratio for kind, figure in known if not kind.is_share), _log, LEAST_LOG)
    return tuple(_row(kind, figure, k, reach_share if kind.is_share else reach_log) for kind, figure in known)


def outcome_bars(outcomes: Outcomes) -> tuple[OutcomeBar, ...]:
    """The problems that B has won, tied, lost, and those without grades, from left to right."""
    numbers = {
        "won": outcomes.num_won,
        "tied": outcomes.num_tied,
        "lost": outcomes.num_lost,
        "ungraded": outcomes.num_ungraded,
    }
    return tuple(_bars(numbers, sum(numbers.values())))


def _bars(numbers: dict[str, int], total: int) -> Iterator[OutcomeBar]:
    before = 0
    for outcome, count in numbers.items():
        if count:
            yield OutcomeBar(outcome=outcome, number=count, x=100 * before / total, width=100 * count / total)
        before += count


def said(interval: Interval | None, write: Write) -> Said:
    if interval is None:
        return Said("–", "")
    return Said(write(interval.mean), within(interval, write) or "")


def ratio_said(interval: Interval | None) -> Said:
    return said(interval, lambda value: f"{value:.2f}×")


def _signed(write: Write) -> Write:
    return lambda value: f"{'−' if value < 0 else '+'}{write(abs(value))}"


def _row(kind: Kind, figure: Figure, k: int | None, reach: float) -> FigureRow:
    return FigureRow(
        name=kind.name.replace("@k", f"@{k}") if k is not None else kind.name,
        a=said(figure.a, kind.write),
        b=said(figure.b, kind.write),
        difference=said(figure.difference, _signed(_points if kind.is_share else kind.write)),
        ratio=ratio_said(figure.ratio),
        mark=_mark(kind, figure, reach),
        num_problems=figure.num_problems,
        num_jobs=figure.num_jobs,
    )


def _mark(kind: Kind, figure: Figure, reach: float) -> Mark | None:
    interval = figure.difference if kind.is_share else figure.ratio
    if interval is None or (not kind.is_share and min(interval.mean, interval.low or 1, 1) <= 0):
        return None
    scaled: Callable[[float], float] = (lambda value: value) if kind.is_share else _log
    low, high = interval.bounds or (interval.mean, interval.mean)
    left, at, right = (_place(scaled(value), reach) for value in (low, interval.mean, high))
    return Mark(x=left, width=right - left, at=at, verdict=_verdict(kind, interval, scaled))


def _verdict(kind: Kind, interval: Interval, scaled: Callable[[float], float]) -> str:
    """Good or bad only where the interval does not include "no difference"."""
    if interval.bounds is None or kind.is_good is None:
        return "wait"
    low, high = map(scaled, interval.bounds)
    if low > 0:
        return "good" if kind.is_good else "bad"
    if high < 0:
        return "bad" if kind.is_good else "good"
    return "wait"


def _place(value: float, reach: float) -> float:
    """Where a value is in the picture."""
    return WIDTH / 2 * (1 + max(-1.0, min(1.0, value / reach)))


def _reach(intervals: Iterable[Interval | None], scaled: Callable[[float], float], least: float) -> float:
    """How far the picture has to reach so that every interval is in it."""
    ends = (end for each in intervals if each for end in (each.mean, *(each.bounds or ())))
    return max([least, *(1.05 * abs(scaled(end)) for end in ends)])


def _log(value: float) -> float:
    return math.log(value) if value > 0 else 0.0
