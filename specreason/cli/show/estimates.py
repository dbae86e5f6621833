"""What batches to come will take by the jobs that have run: a table, one row for each configuration."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from specreason.cli.estimating import Expectations
from specreason.cli.show.costs import money
from specreason.cli.show.output import data_console, number, print_message
from specreason.cli.show.tables import Column, print_table
from specreason.client.analysis.cost_values import Estimate
from specreason.config import RunConfig
from specreason.evaluation.estimate import FEWEST_BOUNDED, Expected, Likeness
from specreason.words import counted

# Of the time to come: the largest unit of which it is two at least.
UNITS = (("hours", 3600), ("min", 60), ("s", 1))
ALIKE = {"same": "all", "similar": "what costs", "other": "the scheme"}
# With fewer jobs than this share of those that were in flight, each has more of the devices to itself.
FEW = 0.5


def print_estimates(configs: Sequence[RunConfig], expected: Expectations) -> None:
    """Print a row for each of `configs`, and on stderr what the figures suppose, or why there are none."""
    if expected.why_none is not None:
        print_message(f"no estimate of time and cost: {expected.why_none}")
        return
    found = expected.estimates
    unit, seconds = _unit(found)
    console = data_console()
    console.print()
    rows = (_row(config, one, seconds) for config, one in zip(configs, found, strict=True))
    print_table(console, _columns(unit), rows)
    workers = max(one.num_workers for one in found)
    print_message(
        f"estimated from so many past jobs of this pair{_in_brackets(found)}: for problems like theirs, as many in "
        "flight, and "
        + (
            f"{counted(workers, 'worker')} with nothing else to do"
            if workers
            else "one worker; none is alive now"
        )
    )
    for why in dict.fromkeys(why for one in found if one.num_past_jobs for why in _why_no_bounds(one)):
        print_message(why)
    for one in found:
        if one.concurrency is not None and one.num_jobs < FEW * one.concurrency:
            print_message(
                f"{counted(one.num_jobs, 'job')} will not fill the {one.concurrency:.1f} places that the past jobs "
                "filled, and so cost more each"
            )
            break


def _in_brackets(found: Sequence[Estimate]) -> str:
    is_any_bounded = any(one.wall_s is not None and one.wall_s.low is not None for one in found)
    return ", 95 % in brackets" if is_any_bounded else ""


def _why_no_bounds(one: Estimate) -> Iterator[str]:
    if one.are_cut:
        yield (
            "the past jobs have no bounds: others of their batches, the longer ones, still run or were stopped, so "
            "expect more"
        )
    if one.likeness == Likeness.OTHER:
        yield "past jobs that are alike in the scheme alone have no bounds: with these settings jobs may take any time"
    elif one.num_past_problems < FEWEST_BOUNDED:
        yield f"past jobs of {counted(one.num_past_problems, 'problem')} are too few to bound what is to come"


def _unit(found: Sequence[Estimate]) -> tuple[str, int]:
    longest_s = max(one.wall_s.mean for one in found if one.wall_s is not None)
    return next((unit for unit in UNITS if longest_s >= 2 * unit[1]), UNITS[-1])


def _columns(unit: str) -> tuple[Column, ...]:
    return (
        Column(heading="scheme"),
        Column(heading="threshold", justify="right", drop=2),
        Column(heading="past", justify="right"),
        Column(heading="alike in", drop=3),
        Column(heading="in flight", justify="right", drop=1),
        Column(heading=unit, justify="right"),
        Column(heading="GPU-hours", justify="right", drop=4),
        Column(heading="price", justify="right"),
    )


def _row(config: RunConfig, one: Estimate, seconds: int) -> tuple[str | None, ...]:
    threshold = config.threshold if config.scheme.drafts_steps else None
    return (
        config.scheme.value,
        number(threshold, "{:g}"),
        str(one.num_past_jobs),
        None if one.likeness is None else ALIKE.get(one.likeness, one.likeness),
        number(one.concurrency, "{:.1f}"),
        None if one.wall_s is None else in_words(one.wall_s.times(1 / seconds)),
        None if one.gpu_hours is None else in_words(one.gpu_hours),
        None if one.price is None else in_words(one.price),
    )


def in_words(figure: Expected) -> str:
    """Return a figure and its bounds, such as "1.20 (0.95–1.52)"; without bounds if it has none."""
    if figure.low is None or figure.high is None:
        return money(figure.mean)
    return f"{money(figure.mean)} ({money(figure.low)}–{money(figure.high)})"
