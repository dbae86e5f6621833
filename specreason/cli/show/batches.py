"""Batches and their jobs as tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from specreason.cli.show.figures import (
    admission_in_words,
    latency_in_words,
    parts_of_latency,
    remedy,
    stopped_in_words,
    tokens_in_words,
    why_stopped,
)
from specreason.cli.show.output import data_console, number, plain_table, print_message, print_table
from specreason.client import Batch, Job
from specreason.evaluation.metrics import pass_at_1_interval

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


def counts_in_words(batch: Batch) -> str:
    """Return the number of jobs in each state, and whether the batch is paused."""
    paused = " (paused)" if batch.paused_at is not None else ""
    return ", ".join(f"{count} {state}" for state, count in batch.counts.items()) + paused


def print_batches(batches: Sequence[Batch]) -> None:
    """Print one row per batch."""
    table = plain_table(
        "batch",
        "name",
        "pair",
        "scheme",
        "submitted",
        "jobs",
        "state",
        "pass@1",
        "accepted",
        "s/job",
        right=("pass@1", "accepted", "s/job"),
    )
    for batch in batches:
        table.add_row(
            str(batch.batch_id),
            escape(batch.name),
            escape(batch.pair),
            batch.scheme,
            _local(batch.created_at),
            f"{batch.num_ended}/{batch.num_jobs}",
            counts_in_words(batch),
            number(batch.pass_at_1, "{:.2f}"),
            number(batch.step_acceptance, "{:.0%}"),
            latency_in_words(batch.mean_latency_s, batch.mean_concurrency),
        )
    print_table(table)


def print_batch(batch: Batch) -> None:
    """Print one batch: a bar of its states, and the figures known so far."""
    console = data_console()
    console.print(Group(*_batch_parts(batch, console)), soft_wrap=not console.is_terminal)


def tell_remedies(batches: Iterable[Batch]) -> None:
    """Say what would help the batches that have ended and whose jobs mostly met a limit."""
    for batch in batches:
        if words := remedy(batch):
            print_message(f"{batch.name or batch.batch_id}: {words}")


def print_jobs(jobs: Iterable[Job]) -> None:
    """Print one row per job."""
    headings = (
        *("job", "problem", "repeat", "state", "stopped", "answer", "graded", "steps", "accepted", "s"),
        "error",
    )
    table = plain_table(*headings, right=("problem", "repeat", "steps", "accepted", "s"))
    for job in jobs:
        table.add_row(
            str(job.job_id),
            escape(job.problem_id or str(job.problem_index)),
            str(job.repeat),
            Text(job.state, style=STYLE_OF.get(job.state, "")),
            why_stopped(job),
            escape(job.answer or "–"),
            grade_in_words(job.is_correct),
            str(job.num_steps),
            number(job.step_acceptance, "{:.0%}"),
            latency_in_words(job.latency_s, job.mean_concurrency),
            escape(job.error or ""),
        )
    print_table(table)


def grade_in_words(is_correct: bool | None) -> str:
    """Return the word for a grade."""
    return {True: "right", False: "wrong", None: "–"}[is_correct]


def facts(rows: Iterable[tuple[str, str | None]]) -> Table:
    """Return a table of names and values, without the rows whose value is None."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows:
        if value is not None:
            table.add_row(name, escape(value))
    return table


def _batch_parts(batch: Batch, console: Console) -> Iterable[RenderableType]:
    yield facts([("batch", str(batch.batch_id)), ("name", batch.name or None)])
    yield state_bar(batch)
    yield facts(
        [
            ("jobs", f"{batch.num_jobs}: {counts_in_words(batch)}"),
            ("pair, scheme", f"{batch.pair}, {batch.scheme}"),
            ("threshold", str(batch.config.get("threshold")) if batch.num_drafted else None),
            ("priority", str(batch.priority) if batch.priority else None),
            ("submitted", _local(batch.created_at)),
            ("ended", _local(batch.finished_at) if batch.finished_at else None),
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
            ("tokens", tokens_in_words(batch)),
        ]
    )


def state_bar(batch: Batch) -> Text:
    """Return a bar with a cell at least for every state that occurs, in proportion to its jobs."""
    bar = Text()
    for state, count in batch.counts.items():
        cells = max(1, round(BAR_CELLS * count / batch.num_jobs))
        bar.append(SIGN_OF[state] * cells, style=STYLE_OF[state])
    return bar


def _pass_at_1(batch: Batch) -> str | None:
    if batch.pass_at_1 is None:
        return None
    interval = pass_at_1_interval(batch.pass_at_1, min(batch.num_graded, batch.num_problems))
    return (
        f"{batch.pass_at_1:.2f} (95 %: {interval.low:.2f}–{interval.high:.2f}), "
        f"{batch.num_graded} graded of {batch.num_succeeded} succeeded"
    )


def _accepted(batch: Batch) -> str | None:
    if batch.step_acceptance is None:
        return None
    return f"{batch.step_acceptance:.0%} of {batch.num_drafted:,} drafts"


def _local(at: datetime) -> str:
    return f"{at.astimezone():%Y-%m-%d %H:%M}"
