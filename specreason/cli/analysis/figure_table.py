"""Prints the figures of a batch: whether drafting pays, the figures with their intervals, and what is missing."""

from __future__ import annotations

from collections.abc import Iterator

from rich.text import Text

from specreason.cli.analysis.compared import PERCENT, decimals_of, in_cells
from specreason.cli.show.output import data_console, number, print_facts, print_hanging
from specreason.cli.show.tables import Cell, Column, print_table
from specreason.client import short_id
from specreason.evaluation.figures.values import BatchFigures, Drafting, RightAnswers, Serving, Tokens
from specreason.evaluation.intervals import Interval
from specreason.words import counted

MILLI = 1000.0
COLUMNS = (
    Column(heading="figure"),
    Column(heading="mean", justify="right"),
    Column(heading="95 %"),
    Column(heading="jobs", justify="right", drop=2),
    Column(heading="problems", justify="right", drop=1),
)
# A name with its unit, the figure, what it is multiplied by to be shown, its jobs and problems.
Row = tuple[str, Interval | None, float, int, int]


def print_figures(figures: BatchFigures) -> None:
    """Print all figures of a batch."""
    console = data_console()
    print_hanging(console, Text(), Text(figures.says, style="bold"))
    print_facts(console, _facts(figures))
    if rows := [_cells(*row) for row in _rows(figures) if row[1] is not None]:
        console.print()
        print_table(console, COLUMNS, rows)
    if figures.remarks:
        console.print()
    for remark in figures.remarks:
        print_hanging(console, Text(), Text(remark, style="dim"))


def _facts(figures: BatchFigures) -> Iterator[tuple[str, str | None]]:
    name = f" ({figures.name})" if figures.name else ""
    yield "batch", f"{short_id(figures.batch_id)}{name}: {figures.pair}, {figures.scheme}"
    of = f"of {counted(figures.num_jobs, 'job')} on {counted(figures.num_problems, 'problem')}"
    yield "succeeded", f"{figures.num_succeeded:,} {of}"
    if figures.drafting is not None:
        yield "drafts", f"{figures.drafting.num_drafts:,}"
    served = (("drafter", figures.drafter), ("base", figures.base))
    calls = [f"{serving.ttft.num_calls:,} of the {model}" for model, serving in served if serving is not None]
    yield "calls", ", ".join(calls) or None
    if figures.latency is not None:
        yield "in flight", number(figures.latency.concurrency, "{:.1f} in the mean")


def _rows(figures: BatchFigures) -> Iterator[Row]:
    if figures.drafting is not None:
        yield from _of_drafting(figures.drafting)
    if figures.right_answers is not None:
        yield from _of_right_answers(figures.right_answers)
    if (latency := figures.latency) is not None:
        for name, interval in (("", latency.mean), (" p50", latency.p50), (" p95", latency.p95)):
            yield f"latency{name}, s", interval, 1, latency.num_jobs, latency.num_problems
    if figures.tokens is not None:
        yield from _of_tokens(figures.tokens)
    for model, serving in (("drafter", figures.drafter), ("base", figures.base)):
        if serving is not None:
            yield from _of_model(model, serving)


def _of_drafting(drafting: Drafting) -> Iterator[Row]:
    over = (drafting.num_jobs, drafting.num_problems)
    yield "drafts accepted, %", drafting.acceptance, PERCENT, *over
    yield "break-even, %", drafting.break_even, PERCENT, *over
    yield "above it, points", drafting.margin, PERCENT, *over


def _of_right_answers(right: RightAnswers) -> Iterator[Row]:
    yield "pass@1, %", right.pass_at_1, PERCENT, right.num_jobs, right.num_problems
    for name, found in (("pass", right.pass_at_k), ("majority", right.majority_at_k)):
        for at in found:
            yield f"{name}@{at.k}, %", at.share, PERCENT, at.num_jobs, at.num_problems


def _of_tokens(tokens: Tokens) -> Iterator[Row]:
    over = (tokens.num_jobs, tokens.num_problems)
    yield "tokens kept/job", tokens.kept, 1, *over
    yield "tokens spent/job", tokens.spent, 1, *over
    yield "tokens wasted/job", tokens.wasted, 1, *over
    yield "tokens wasted, %", tokens.wasted_share, PERCENT, *over
    yield "drafter's steps, %", tokens.drafter_steps, PERCENT, *over
    yield "drafter's tokens, %", tokens.drafter_tokens, PERCENT, *over
    yield "speedup limit, ×", tokens.speedup_limit, 1, *over


def _of_model(model: str, serving: Serving) -> Iterator[Row]:
    over = (serving.num_jobs, serving.num_problems)
    for name, figure in (("TTFT", serving.ttft), ("TPOT", serving.tpot)):
        if figure is not None:
            yield f"{model} {name}, ms", figure.mean, MILLI, *over
            yield f"{model} {name} p50, ms", figure.p50, MILLI, *over
            yield f"{model} {name} p95, ms", figure.p95, MILLI, *over
    yield f"{model} tokens/s", serving.tokens_per_s, 1, *over


def _cells(
    name: str, interval: Interval | None, factor: float, num_jobs: int, num_problems: int
) -> tuple[Cell, ...]:
    decimals = decimals_of(0.0 if interval is None else abs(interval.mean * factor), factor)
    return name, *in_cells(interval, factor, decimals), f"{num_jobs:,}", f"{num_problems:,}"
