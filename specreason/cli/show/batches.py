"""Batches: as a table, and one with its figures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.text import Text

from specreason.cli.show.costs import facts_of_batch, money
from specreason.cli.show.figures import (
    admission_in_words,
    latency_in_words,
    parts_of_latency,
    remedy,
    short_latency,
    stopped_in_words,
    tokens_in_words,
)
from specreason.cli.show.output import data_console, moment, number, print_facts, print_message
from specreason.cli.show.tables import Column, print_table
from specreason.client import Batch, short_id
from specreason.client.analysis.cost_values import BatchCost
from specreason.evaluation.cost import Cost, cost_of_batch
from specreason.evaluation.intervals import pass_at_1_interval
from specreason.words import counted

BAR_CELLS = 40
STYLE_OF = {
    "succeeded": "green",
    "running": "cyan",
    "queued": "bright_black",
    "failed": "red",
    "dead": "red",
    "expired": "yellow",
    "cancelled": "yellow",
}
SIGN_OF = {
    "succeeded": "█",
    "running": "▓",
    "queued": "░",
    "failed": "x",
    "dead": "x",
    "expired": "-",
    "cancelled": "-",
}
SAMPLING = ("temperature", "top_p", "top_k", "min_p")
COLUMNS = (
    Column(heading="batch"),
    Column(heading="name", least=24, keeps="ends", drop=8),
    Column(heading="pair", drop=2),
    Column(heading="scheme", drop=7),
    Column(heading="submitted", drop=3),
    Column(heading="done", justify="right"),
    Column(heading="state", least=20),
    Column(heading="pass@1", justify="right", drop=6),
    Column(heading="accepted", justify="right", drop=5),
    Column(heading="s (in flight)", justify="right", drop=4),
    Column(heading="device s/job", justify="right", drop=1),
)
PRICE = Column(heading="total price", justify="right", drop=9)


def counts_in_words(batch: Batch) -> str:
    """Return the number of jobs in each state, and whether the batch is paused."""
    paused = " (paused)" if batch.paused_at is not None else ""
    return ", ".join(f"{count} {state}" for state, count in batch.counts.items()) + paused


def states_of(batch: Batch) -> Text:
    """Return the one state that all jobs are in, else the number of jobs in each state but succeeded."""
    alone = len(batch.counts) == 1
    told = [
        Text(state if alone else f"{count} {state}", style=STYLE_OF[state])
        for state, count in batch.counts.items()
        if alone or state != "succeeded"
    ]
    paused = [Text("paused", style="yellow")] if batch.paused_at is not None else []
    return Text(", ").join([*paused, *told])


def print_batches(batches: Sequence[Batch], gpu_hour_price: float | None = None) -> None:
    """Print one row per batch; with a price per GPU-hour also what each cost."""
    costs = [cost_of_batch(batch, gpu_hour_price) for batch in batches]
    is_priced = gpu_hour_price is not None
    print_table(
        data_console(),
        (*COLUMNS, PRICE) if is_priced else COLUMNS,
        (
            (
                short_id(batch.batch_id),
                batch.name or None,
                batch.pair,
                batch.scheme,
                moment(batch.created_at),
                f"{batch.num_ended}/{batch.num_jobs}",
                states_of(batch),
                number(batch.pass_at_1, "{:.2f}"),
                number(batch.step_acceptance, "{:.0%}"),
                short_latency(batch.mean_latency_s, batch.mean_concurrency),
                None if cost is None else number(cost.per_job, "{:.2f}"),
                *([_price(cost)] if is_priced else []),
            )
            for batch, cost in zip(batches, costs, strict=True)
        ),
    )


def print_batch(batch: Batch, cost: BatchCost | None = None) -> None:
    """Print one batch: a bar of its states, the figures known so far, and its cost."""
    print_facts(
        data_console(),
        [
            ("batch", short_id(batch.batch_id)),
            ("id", str(batch.batch_id)),
            ("name", batch.name or None),
            ("", state_bar(batch)),
            ("jobs", f"{batch.num_jobs}: {counts_in_words(batch)}"),
            ("pair, scheme", f"{batch.pair}, {batch.scheme}"),
            ("threshold", _threshold(batch)),
            ("sampling", _sampling(batch)),
            ("priority", str(batch.priority) if batch.priority else None),
            ("submitted", moment(batch.created_at)),
            ("ended", moment(batch.finished_at) if batch.finished_at else None),
            ("pass@1", _pass_at_1(batch)),
            ("accepted", _accepted(batch)),
            ("stopped", stopped_in_words(batch.stop_reasons)),
            ("s/job", latency_in_words(batch.mean_latency_s, batch.mean_concurrency)),
            (
                "of which",
                parts_of_latency(
                    batch.mean_latency_s,
                    engine_s=batch.mean_engine_s,
                    store_s=batch.mean_store_s,
                    own_s=batch.mean_own_s,
                ),
            ),
            ("waited", admission_in_words(batch.mean_admission_s)),
            ("tokens", tokens_in_words(batch) if batch.spent_tokens else None),
            *facts_of_batch(batch, cost),
        ],
    )


def tell_remedies(batches: Iterable[Batch]) -> None:
    """Say what would help the batches that have ended and whose jobs mostly met a limit."""
    for batch in batches:
        if words := remedy(batch):
            print_message(f"{batch.name or short_id(batch.batch_id)}: {words}")


def tell_missing_results(batch: Batch, command: str) -> None:
    """Say that results are missing, since jobs have not ended. `command` waits for them."""
    num_open = batch.num_jobs - batch.num_ended
    verb = "has" if num_open == 1 else "have"
    print_message(
        f"the results are not complete: {num_open:,} of {counted(batch.num_jobs, 'job')} {verb} not ended. "
        f"{command} waits for them; then ask again"
    )


def state_bar(batch: Batch) -> Text:
    """Return a bar with a cell at least for every state that occurs, in proportion to its jobs."""
    bar = Text()
    for state, count in batch.counts.items():
        cells = max(1, round(BAR_CELLS * count / batch.num_jobs))
        bar.append(SIGN_OF[state] * cells, style=STYLE_OF[state])
    return bar


def _threshold(batch: Batch) -> str | None:
    """Return the acceptance threshold; None if the batch has ended and drafted nothing."""
    if batch.ended and not batch.num_drafted:
        return None
    return number(batch.config.get("threshold"), "{:g}")


def _sampling(batch: Batch) -> str | None:
    """Return how the base draws tokens, and what is different for the drafter."""
    # An older server stored fewer knobs.
    of_base = ", ".join(_knob_in_words(knob, batch.config[knob]) for knob in SAMPLING if knob in batch.config)
    of_drafter = ", ".join(
        _knob_in_words(knob, value)
        for knob in SAMPLING
        if (value := batch.config.get(f"drafter_{knob}")) not in (None, batch.config.get(knob))
    )
    return f"{of_base}; drafter: {of_drafter}" if of_drafter else of_base or None


def _knob_in_words(knob: str, value: float | None) -> str:
    """Return a knob with its value. One without is the model's own: only its worker knows it."""
    return f"{knob} {number(value, '{:g}') or 'by the model'}"


def _pass_at_1(batch: Batch) -> str | None:
    if batch.pass_at_1 is None:
        return None
    interval = pass_at_1_interval(batch.pass_at_1, min(batch.num_graded, batch.num_problems))
    return (
        f"{batch.pass_at_1:.2f} (95 %: {interval.low:.2f}–{interval.high:.2f}), "
        f"{batch.num_graded} graded of {batch.num_succeeded} succeeded"
        f"{_to_grade(batch)}"
    )


def _to_grade(batch: Batch) -> str:
    """Return which of these grades are no verdicts, or not the last ones, as further items of a list."""
    num_first = batch.num_ungraded - batch.num_regrading
    items = (
        f", {counted(batch.num_given_up, 'answer')} given up" if batch.num_given_up else "",
        f", {counted(batch.num_regrading, 'old grade')} to be replaced" if batch.num_regrading else "",
        f", {num_first:,} to grade" if num_first else "",
    )
    return "".join(items)


def _price(cost: Cost | None) -> str | None:
    return None if cost is None or cost.price is None else money(cost.price)


def _accepted(batch: Batch) -> str | None:
    if batch.step_acceptance is None:
        return None
    return f"{batch.step_acceptance:.0%} of {batch.num_drafted:,} drafts"
