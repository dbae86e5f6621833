"""Prints a comparison of two batches: what it says, the figures with their intervals, and the problems."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import floor, log10
from typing import Any

from rich.text import Text

from specreason.cli.show.output import as_text, data_console, moment, print_facts, print_hanging
from specreason.cli.show.tables import Cell, Column, print_table
from specreason.client import Batch, place_ref, short_id
from specreason.client.analysis.comparison import ComparedPair, Comparison, Figure, Outcome, Side
from specreason.evaluation.intervals import Interval, within
from specreason.words import counted

FIGURES = (
    Column(heading="figure", least=12),
    Column(heading="A", justify="right"),
    Column(heading="95 % of A", drop=1),
    Column(heading="B", justify="right"),
    Column(heading="95 % of B", drop=2),
    Column(heading="B − A", justify="right"),
    Column(heading="its 95 %"),
    Column(heading="B / A", justify="right", drop=5),
    Column(heading="its 95 %", drop=3),
    Column(heading="jobs", justify="right", drop=4),
)
KNOBS = (
    Column(heading="knob", least=10),
    Column(heading="A", least=8),
    Column(heading="B", least=8),
)
PROBLEMS = (
    Column(heading="problem", least=8, keeps="ends", drop=5),
    Column(heading="B has", drop=6),
    Column(heading="job of A"),
    Column(heading="A"),
    Column(heading="job of B"),
    Column(heading="B"),
    Column(heading="gold", least=4, drop=4),
    Column(heading="A's answer", least=6, drop=2),
    Column(heading="B's answer", least=6, drop=3),
    Column(heading="text", least=16, drop=1),
)
STYLE_OF: dict[str, str] = {Outcome.WON: "green", Outcome.LOST: "red"}
PERCENT = 100.0


def print_comparison(comparison: Comparison) -> None:
    """Print all but the problems."""
    console = data_console()
    print_facts(console, [(name, _side(side)) for name, side in (("A", comparison.a), ("B", comparison.b))])
    print_hanging(console, Text(), Text(_matched(comparison)))
    console.print()
    for sentence in comparison.says:
        print_hanging(console, Text(), as_text(sentence, "bold"))
    for warning in comparison.warnings:
        print_hanging(console, Text("! ", style="yellow"), as_text(warning))
    console.print()
    if comparison.knobs:
        print_table(
            console, KNOBS, ((knob.name, _value(knob.a), _value(knob.b)) for knob in comparison.knobs)
        )
        console.print()
    print_table(console, FIGURES, _rows(comparison))
    console.print()
    print_hanging(console, Text(), Text(_outcomes(comparison)))
    if partial := _at_k(comparison):
        print_hanging(console, Text(), Text(partial))
    if known := _conditions(comparison):
        print_hanging(console, Text(), Text(known))


def print_problems(a: Batch, b: Batch, pairs: Iterable[ComparedPair]) -> None:
    """Print a row for each repeat of each problem."""
    rows: Iterator[tuple[Cell, ...]] = (
        (
            pair.problem_id,
            Text(pair.outcome, style=STYLE_OF.get(pair.outcome, "")),
            place_ref(a, pair.index_a, pair.repeat),
            _grade(pair.state_a, pair.is_correct_a),
            place_ref(b, pair.index_b, pair.repeat),
            _grade(pair.state_b, pair.is_correct_b),
            pair.gold,
            pair.answer_a,
            pair.answer_b,
            pair.problem,
        )
        for pair in pairs
    )
    print_table(data_console(), PROBLEMS, rows)


def figure_rows(comparison: Comparison) -> Iterator[tuple[str, Figure | None, float]]:
    """The name of each figure, the figure, and what its values are multiplied by to be shown."""
    figures, k = comparison.figures, comparison.k
    yield "pass@1, %", figures.pass_at_1, PERCENT
    yield f"pass@{k}, %", figures.pass_at_k, PERCENT
    yield f"majority@{k}, %", figures.majority_at_k, PERCENT
    yield "latency, s", figures.latency_s, 1
    yield "latency p50, s", figures.latency_p50_s, 1
    yield "latency p95, s", figures.latency_p95_s, 1
    yield "tokens kept", figures.kept_tokens, 1
    yield "tokens spent", figures.spent_tokens, 1
    yield "tokens wasted", figures.wasted_tokens, 1
    yield "GPU-s/job", figures.gpu_s, 1
    yield "GPU-s/right", figures.gpu_s_per_right_answer, 1
    yield "price/job", figures.price, 1
    yield "price/right", figures.price_per_right_answer, 1
    yield "accepted, %", figures.step_acceptance, PERCENT
    yield "drafter steps, %", figures.drafter_steps, PERCENT
    yield "drafter tokens, %", figures.drafter_tokens, PERCENT


def _rows(comparison: Comparison) -> Iterator[tuple[Cell, ...]]:
    for name, figure, factor in figure_rows(comparison):
        if figure is None:
            continue
        known = (each for each in (figure.a, figure.b, figure.difference) if each is not None)
        decimals = decimals_of(max(abs(each.mean * factor) for each in known), factor)
        yield (
            name,
            *in_cells(figure.a, factor, decimals),
            *in_cells(figure.b, factor, decimals),
            *in_cells(figure.difference, factor, decimals, sign="+"),
            *in_cells(figure.ratio, 1, 2),
            f"{figure.num_jobs:,}",
        )


def decimals_of(largest: float, factor: float) -> int:
    """Three digits of the largest number of a row; of a percentage one decimal."""
    if factor == PERCENT:
        return 1
    return (
        0
        if largest >= 100
        else 1
        if largest >= 10
        else 2
        if largest >= 0.1 or not largest
        else 1 - floor(log10(largest))
    )


def in_cells(interval: Interval | None, factor: float, decimals: int, *, sign: str = "") -> tuple[Cell, Cell]:
    """An estimate and its interval, in two cells."""
    if interval is None:
        return None, None
    bounds = within(interval, lambda bound: _number(bound * factor, decimals))
    return _number(interval.mean * factor, decimals, sign), bounds


def _number(value: float, decimals: int, sign: str = "") -> str:
    text = f"{value:{sign},.{decimals}f}"
    return text.replace("-", "−") if text.strip("+-0.,") else text.lstrip("+-")


def _side(side: Side) -> str:
    name = f" {side.name}" if side.name else ""
    return f"{short_id(side.batch_id)}{name}: {side.pair}, {side.scheme}, of {moment(side.created_at)}"


def _matched(comparison: Comparison) -> str:
    by = "their ids" if comparison.matched_by == "id" else "their texts"
    words = (
        f"{counted(comparison.num_problems, 'problem')} in both by {by}, "
        f"{counted(comparison.num_pairs, 'job')} of each"
    )
    left_out = [
        f"{counted(side.num_problems_left_out, 'problem')} and {counted(side.num_jobs_left_out, 'job')} of {name}"
        for name, side in (("A", comparison.a), ("B", comparison.b))
        if side.num_problems_left_out or side.num_jobs_left_out
    ]
    return f"{words}; left out: {', '.join(left_out)}" if left_out else words


def _outcomes(comparison: Comparison) -> str:
    of = comparison.outcomes
    words = f"problems: B has won {of.num_won:,}, lost {of.num_lost:,}, tied {of.num_tied:,}"
    if of.num_ungraded:
        words += f"; {of.num_ungraded:,} without grades in both"
    if of.mcnemar_p is not None and of.bootstrap_p is not None:
        words += f"; p by McNemar's exact test {_p(of.mcnemar_p)}, by the bootstrap {_p(of.bootstrap_p)}"
    return words


def _p(value: float) -> str:
    return "below 0.001" if value < 0.001 else f"{value:.3f}"


def _at_k(comparison: Comparison) -> str | None:
    """On how many problems pass@k and majority@k are, if not on all."""
    figure, k = comparison.figures.pass_at_k, comparison.k
    if figure is None or figure.num_problems == comparison.num_problems:
        return None
    return (
        f"pass@{k} and majority@{k}: over the {counted(figure.num_problems, 'problem')} of "
        f"{comparison.num_problems:,} with {k} graded repeats in both"
    )


def _conditions(comparison: Comparison) -> str | None:
    """How the latencies were measured."""
    latency = comparison.figures.latency_s
    if latency is None:
        return None
    loads = [
        "an unknown number" if side.concurrency is None else f"{side.concurrency:.1f}"
        for side in (comparison.a, comparison.b)
    ]
    resumed = comparison.a.num_resumed + comparison.b.num_resumed
    but = f"; {counted(resumed, 'resumed job')} left out" if resumed else ""
    return (
        f"latency: of {counted(latency.num_jobs, 'job')} of each, with {loads[0]} of them in flight in A and "
        f"{loads[1]} in B{but}"
    )


def _grade(state: str, is_correct: bool | None) -> Text:
    if is_correct is None:
        return Text("no grade" if state == "succeeded" else state, style="dim")
    return Text("right", style="green") if is_correct else Text("wrong", style="red")


def _value(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value if value is None or value.strip() else repr(value)
    return (
        str(value).lower()
        if isinstance(value, bool)
        else f"{value:g}"
        if isinstance(value, float)
        else str(value)
    )
