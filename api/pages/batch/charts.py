"""Charts as values: rows of a table, each with a bar that is drawn in the page itself.

A chart is a table, so that it reads well in print, by ear and on a phone. Bars and bounds are shares of a row's width.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from specreason.evaluation.intervals import Interval
from specreason.evaluation.judge.judgement import Bin, Judgement
from specreason.store.read.waits import Waits

# A bar as narrow as this can still be seen.
LEAST_SHARE = 0.002


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One row: what it is of, its bar with the bounds of an interval, and the figures in words.

    `kind` is a colour of the stylesheet. Without a `share` there is no bar.
    """

    label: str
    share: float | None
    low: float | None
    high: float | None
    said: str
    beside: str
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A table of bars: `of` heads the first column, `value` the figures. `reading` says how to read it."""

    title: str
    of: str
    value: str
    beside: str
    bars: tuple[Bar, ...]
    reading: str


def charts_of(judgement: Judgement) -> tuple[Chart, ...]:
    """Scores, what they are worth, and acceptance by place and length; only those that have a bar."""
    charts = (
        _scores(judgement),
        _reliability(judgement.by_score),
        _acceptance(
            judgement.by_position,
            title="Acceptance by place in the trace",
            of="Step",
            reading="Falling bars: drafts late in a trace are kept less often.",
        ),
        _acceptance(
            judgement.by_length,
            title="Acceptance by length of the draft",
            of="Tokens",
            reading="Falling bars: long drafts are kept less often.",
        ),
    )
    return tuple(chart for chart in charts if chart.bars)


def waits_chart(waits: Waits) -> Chart | None:
    """Where the step loops waited; None where they did not."""
    total_s = waits.total_s
    if not total_s:
        return None
    parts = (
        ("drafts that were kept", waits.kept_drafts_s, "drafter"),
        ("drafts that were rejected", waits.rejected_drafts_s, "drafter"),
        ("verdicts", waits.verdicts_s, "verdict"),
        ("the base, in place of rejected drafts", waits.rewriting_s, "base"),
        ("thinking without a draft", waits.alone_s, "base"),
        ("answers", waits.answering_s, "wait"),
    )
    return Chart(
        title="Where the time goes",
        of="Waiting for",
        value="Share",
        beside="All jobs, s",
        bars=tuple(
            _bar(name, seconds_ / total_s, f"{100 * seconds_ / total_s:.0f} %", f"{seconds_:,.1f}", kind)
            for name, seconds_, kind in parts
            if seconds_
        ),
        reading=(
            "Seconds for which the step loops of the ended jobs waited. Drafts that ran beside a verdict cost no time "
            "and are not in it."
        ),
    )


def _scores(judgement: Judgement) -> Chart:
    most = max((each.num_drafts for each in judgement.by_score), default=1)
    threshold = None if judgement.replay is None else judgement.replay.present.threshold
    return Chart(
        title="Utility scores",
        of="Score",
        value="Drafts",
        beside="Accepted",
        bars=tuple(
            _bar(
                _between(each),
                each.num_drafts / most,
                f"{each.num_drafts:,}",
                _percent(each.acceptance),
                "verdict",
            )
            for each in judgement.by_score
        ),
        reading="" if threshold is None else f"How often the base gave each score. Threshold: {threshold:g}.",
    )


def _reliability(bins: Sequence[Bin]) -> Chart:
    return Chart(
        title="What a score is worth",
        of="Score",
        value="Jobs right",
        beside="Drafts",
        bars=tuple(
            _interval_bar(_between(each), each.became_right, f"{each.num_graded:,}", "good")
            for each in bins
            if each.became_right is not None
        ),
        reading=(
            "Of the drafts with this score, the share whose job became right. A judge that can tell good drafts from "
            "bad ones gives rising bars; the thin lines are 95 % intervals."
        ),
    )


def _acceptance(bins: Iterable[Bin], *, title: str, of: str, reading: str) -> Chart:
    return Chart(
        title=title,
        of=of,
        value="Accepted",
        beside="Drafts",
        bars=tuple(
            _interval_bar(_between(each), each.acceptance, f"{each.num_drafts:,}", "drafter") for each in bins
        ),
        reading=reading,
    )


def _interval_bar(label: str, share: Interval, beside: str, kind: str) -> Bar:
    return Bar(
        label=label,
        share=max(share.mean, LEAST_SHARE),
        low=share.low,
        high=share.high,
        said=_percent(share),
        beside=beside,
        kind=kind,
    )


def _bar(label: str, share: float, said: str, beside: str, kind: str) -> Bar:
    return Bar(
        label=label, share=max(share, LEAST_SHARE), low=None, high=None, said=said, beside=beside, kind=kind
    )


def _between(each: Bin) -> str:
    return f"{each.low:g}" if each.low == each.high else f"{each.low:g} to {each.high:g}"


def _percent(share: Interval) -> str:
    if share.bounds is None:
        return f"{100 * share.mean:.0f} %"
    low, high = share.bounds
    return f"{100 * share.mean:.0f} % ({100 * low:.0f} to {100 * high:.0f})"
