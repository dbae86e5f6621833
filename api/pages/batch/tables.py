"""The figures of a batch, and those of a comparison with another one, as rows of tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from specreason.evaluation.comparison.values import Comparison, Figure
from specreason.evaluation.figures.values import BatchFigures, Serving
from specreason.evaluation.intervals import Interval

PERCENT, POINTS, SECONDS, MILLISECONDS, NUMBER, TIMES = (
    "{:.1f} %",
    "{:.1f}",
    "{:,.2f} s",
    "{:,.1f} ms",
    "{:,.0f}",
    "{:.2f}×",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A figure with its interval, as text, and what it is over."""

    name: str
    mean: str
    bounds: str
    num_jobs: int
    num_problems: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """A figure of the base and of this batch, how much larger the second is, and their ratio, with intervals."""

    name: str
    theirs: str
    ours: str
    difference: str
    ratio: str
    num_jobs: int


def figure_rows(figures: BatchFigures) -> tuple[Row, ...]:
    """The figures that there are."""
    return tuple(
        _row(name, interval, form, factor, over)
        for name, interval, form, factor, over in _figures(figures)
        if interval is not None
    )


def comparison_rows(comparison: Comparison) -> tuple[Beside, ...]:
    """The figures that both batches have; A is the base, B the other one."""
    found = comparison.figures
    named: tuple[tuple[str, Figure | None, str, str, float], ...] = (
        ("pass@1", found.pass_at_1, PERCENT, "points", 100),
        ("latency, mean", found.latency_s, SECONDS, "s", 1),
        ("latency, p95", found.latency_p95_s, SECONDS, "s", 1),
        ("tokens kept per job", found.kept_tokens, NUMBER, "", 1),
        ("tokens spent per job", found.spent_tokens, NUMBER, "", 1),
        ("GPU-seconds per job", found.gpu_s, SECONDS, "s", 1),
        ("GPU-seconds per right answer", found.gpu_s_per_right_answer, SECONDS, "s", 1),
        ("price per job", found.price, "{:.4f}", "", 1),
    )
    return tuple(
        Beside(
            name=name,
            theirs=_mean(figure.a, form, factor),
            ours=_mean(figure.b, form, factor),
            difference=difference_in_words(figure.difference, form, factor, unit),
            ratio=_whole(figure.ratio, TIMES, 1),
            num_jobs=figure.num_jobs,
        )
        for name, figure, form, unit, factor in named
        if figure is not None
    )


def difference_in_words(interval: Interval | None, form: str, factor: float, unit: str = "") -> str:
    """A difference with its sign and bounds; `form` is that of the figures, and `unit` stands in place of theirs."""
    signed = form.split("}", maxsplit=1)[0].replace("{:", "{:+") + "}"
    return _whole(interval, signed, factor, unit)


def _figures(
    figures: BatchFigures,
) -> Iterator[tuple[str, Interval | None, str, float, tuple[int, int]]]:
    if (drafting := figures.drafting) is not None:
        over = (drafting.num_jobs, drafting.num_problems)
        yield "drafts accepted", drafting.acceptance, PERCENT, 100, over
        yield "drafting pays from", drafting.break_even, PERCENT, 100, over
        yield "margin above it, points", drafting.margin, POINTS, 100, over
    if (right := figures.right_answers) is not None:
        yield "pass@1", right.pass_at_1, PERCENT, 100, (right.num_jobs, right.num_problems)
        for name, found in (("pass", right.pass_at_k), ("majority", right.majority_at_k)):
            for at in found:
                yield f"{name}@{at.k}", at.share, PERCENT, 100, (at.num_jobs, at.num_problems)
    if (latency := figures.latency) is not None:
        over = (latency.num_jobs, latency.num_problems)
        for name, interval in (("mean", latency.mean), ("median", latency.p50), ("p95", latency.p95)):
            yield f"latency, {name}", interval, SECONDS, 1, over
    if (tokens := figures.tokens) is not None:
        over = (tokens.num_jobs, tokens.num_problems)
        yield "tokens kept per job", tokens.kept, NUMBER, 1, over
        yield "tokens spent per job", tokens.spent, NUMBER, 1, over
        yield "of these wasted", tokens.wasted_share, PERCENT, 100, over
        yield "the drafter's share of steps", tokens.drafter_steps, PERCENT, 100, over
        yield "the drafter's share of tokens", tokens.drafter_tokens, PERCENT, 100, over
        yield "largest speedup possible", tokens.speedup_limit, TIMES, 1, over
    for model, serving in (("drafter", figures.drafter), ("base", figures.base)):
        if serving is not None:
            yield from _of_model(model, serving)


def _of_model(
    model: str, serving: Serving
) -> Iterator[tuple[str, Interval | None, str, float, tuple[int, int]]]:
    over = (serving.num_jobs, serving.num_problems)
    yield f"{model}: time to first token, mean", serving.ttft.mean, MILLISECONDS, 1000, over
    yield f"{model}: time to first token, p95", serving.ttft.p95, MILLISECONDS, 1000, over
    if serving.tpot is not None:
        yield f"{model}: time per token, mean", serving.tpot.mean, MILLISECONDS, 1000, over
    yield f"{model}: tokens per second", serving.tokens_per_s, NUMBER, 1, over


def _row(name: str, interval: Interval | None, form: str, factor: float, over: tuple[int, int]) -> Row:
    return Row(
        name=name,
        mean=_mean(interval, form, factor),
        bounds=_bounds(interval, form, factor),
        num_jobs=over[0],
        num_problems=over[1],
    )


def _mean(interval: Interval | None, form: str, factor: float) -> str:
    return "–" if interval is None else _minus(form.format(factor * interval.mean))


def _bounds(interval: Interval | None, form: str, factor: float) -> str:
    if interval is None or interval.bounds is None:
        return "–"
    low, high = (_minus(form.format(factor * bound)) for bound in interval.bounds)
    return f"{low} to {high}"


def _whole(interval: Interval | None, form: str, factor: float, unit: str = "") -> str:
    """The mean with its unit, and the bounds without."""
    bounds, mean = _bounds(interval, form, factor), _mean(interval, form, factor)
    if unit and interval is not None:
        mean = f"{mean} {unit}"
    return mean if bounds == "–" else f"{mean} ({bounds})"


def _minus(text: str) -> str:
    return text.replace("-", "−")
