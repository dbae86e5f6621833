"""What jobs will take and cost, each figure as a range."""

from __future__ import annotations

from typing import Any

from rich.text import Text

from specreason.cli.forecasting import Prediction
from specreason.cli.show.output import data_console, number
from specreason.cli.show.tables import Column, print_table
from specreason.client.decoding import to_json
from specreason.planning.forecast import Forecast, Span
from specreason.words import counted

COLUMNS = (
    Column(heading="scheme"),
    Column(heading="threshold", justify="right", drop=3),
    Column(heading="accepted", justify="right", drop=2),
    Column(heading="in flight", justify="right", drop=4),
    Column(heading="s/job", justify="right"),
    Column(heading="of which prefill", justify="right", drop=1),
    Column(heading="jobs/h", justify="right", drop=5),
    Column(heading="hours", justify="right", drop=6),
    Column(heading="GPU-hours", justify="right"),
    Column(heading="cost", justify="right"),
)


def print_forecast(prediction: Prediction) -> None:
    """Print one row for each scheme and threshold, and what the figures are from."""
    console = data_console()
    console.print()
    print_table(
        console,
        COLUMNS,
        (
            (
                row.scheme.value,
                number(row.threshold, "{:g}"),
                number(row.acceptance, "{:.0%}"),
                str(row.concurrency),
                in_words(row.latency_s),
                in_words(row.prefill_s),
                in_words(row.jobs_per_hour),
                None if row.jobs is None else in_words(row.jobs.hours),
                None if row.jobs is None else in_words(row.jobs.gpu_hours),
                None if (cost := _cost(row, prediction.price)) is None else in_words(cost),
            )
            for row in prediction.rows
        ),
    )
    jobs = "" if prediction.num_jobs is None else f" for {counted(prediction.num_jobs, 'job')}"
    cards = counted(prediction.num_devices, f"{prediction.card} card")
    words = f"predicted{jobs} on {cards}, from its data sheet and {prediction.source}"
    console.print(Text(words, style="dim"), soft_wrap=True)


def forecast_as_json(prediction: Prediction) -> dict[str, Any]:
    """Return the same for a program."""
    rows = [to_json(row) | {"cost": to_json(_cost(row, prediction.price))} for row in prediction.rows]
    plain: dict[str, Any] = to_json(prediction)
    return plain | {"rows": rows}


def in_words(span: Span) -> str:
    """Return a range with two or three digits, such as "41–63" or "0.8–1.2"; one number if both ends look alike."""
    digits = 0 if span.high >= 10 else 1 if span.high >= 1 else 2
    low, high = (f"{end:,.{digits}f}" for end in (span.low, span.high))
    return low if low == high else f"{low}–{high}"


def _cost(row: Forecast, price: float | None) -> Span | None:
    return None if row.jobs is None or price is None else row.jobs.gpu_hours.times(price)
