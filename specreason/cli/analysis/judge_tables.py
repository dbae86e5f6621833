"""The tables of a judgement: their columns, and a row for each bin, kind of draft, or threshold."""

from __future__ import annotations

from rich.text import Text

from specreason.cli.show.output import number
from specreason.cli.show.tables import Cell, Column
from specreason.config import ScoreMethod
from specreason.evaluation.intervals import Interval, within
from specreason.evaluation.judge.judgement import Bin, Estimate, Rule, Truth

NAME_OF = {ScoreMethod.GREEDY: "the digit", ScoreMethod.EXPECTED: "the expected score"}
OF_BINS = (
    Column(heading="drafts", justify="right"),
    Column(heading="accepted, %", justify="right"),
    Column(heading="95 %", justify="right", drop=1),
    Column(heading="graded", justify="right", drop=2),
    Column(heading="right answers, %", justify="right"),
    Column(heading="95 %", justify="right", drop=4),
    Column(heading="right drafts, %", justify="right", drop=3),
)
OF_KINDS = (
    Column(heading="the draft is"),
    Column(heading="deserves", justify="right", drop=1),
    Column(heading="drafts", justify="right"),
    Column(heading="accepted, %", justify="right"),
    Column(heading="95 %", justify="right"),
)
OF_ESTIMATES = (
    Column(heading="threshold"),
    Column(heading="accepted, %", justify="right"),
    Column(heading="95 %", justify="right", drop=5),
    Column(heading="tokens anew", justify="right", drop=4),
    Column(heading="s/job", justify="right"),
    Column(heading="95 %", justify="right", drop=6),
    Column(heading="of now", justify="right", drop=7),
    Column(heading="device s/job", justify="right", drop=1),
    Column(heading="right accepted, %", justify="right", drop=2),
    Column(heading="wrong accepted, %", justify="right", drop=3),
)
OF_PREDICTIONS = (
    Column(heading="batch"),
    Column(heading="rule", least=10),
    Column(heading="accepted, %", justify="right"),
    Column(heading="estimate", justify="right"),
    Column(heading="s/job", justify="right"),
    Column(heading="estimate", justify="right"),
)


def row_of_bin(each: Bin) -> tuple[Cell, ...]:
    return (
        between(each.low, each.high),
        f"{each.num_drafts:,}",
        percent(each.acceptance),
        bounds(each.acceptance, 100),
        f"{each.num_graded:,}",
        percent(each.became_right),
        bounds(each.became_right, 100),
        percent(each.is_right),
    )


def rows_of_kinds(truth: Truth) -> list[tuple[Cell, ...]]:
    return [
        (
            each.kind.replace("_", " "),
            str(each.deserved),
            f"{each.num_drafts:,}",
            percent(each.acceptance),
            bounds(each.acceptance, 100),
        )
        for each in truth.kinds
    ]


def row_of_estimate(each: Estimate) -> tuple[Cell, ...]:
    threshold = between(each.low, each.high)
    return (
        Text(f"{threshold} (now)", style="bold") if each.is_present else threshold,
        percent(each.acceptance),
        bounds(each.acceptance, 100),
        f"{each.rewritten_tokens:,.0f}",
        None if each.latency_s is None else f"{each.latency_s.mean:.2f}",
        bounds(each.latency_s, form="{:.2f}"),
        None if each.latency_ratio is None else f"×{each.latency_ratio.mean:.2f}",
        None if each.device_s is None else f"{each.device_s.mean:.2f}",
        number(None if each.right_accepted is None else 100 * each.right_accepted, "{:.1f}"),
        number(None if each.wrong_accepted is None else 100 * each.wrong_accepted, "{:.1f}"),
    )


def rule_in_words(rule: Rule) -> str:
    return f"{rule.threshold:g} on {NAME_OF[rule.score_method]}"


def between(low: float, high: float) -> str:
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"


def percent(share: Interval | None) -> str | None:
    return None if share is None else f"{100 * share.mean:.1f}"


def bounds(interval: Interval | None, factor: float = 1.0, form: str = "{:.1f}") -> str | None:
    """An interval in a cell: 0.44 to 0.60."""
    return None if interval is None else within(interval, lambda bound: form.format(factor * bound))
