"""The output of `specreason demo`: a table, two questions answered in SQL, and one trace to read."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from rich.console import Console
from rich.text import Text

from specreason.cli.show.output import number, print_hanging
from specreason.cli.show.tables import Column, print_table
from specreason.cli.show.trace import print_trace
from specreason.client import Batch, Client, job_ref
from specreason.evaluation.intervals import pass_at_1_interval
from specreason.store.read.query import read_only_query
from specreason.store.session import Database

QUESTIONS = (
    (
        "What did the base model think of the drafts, and what became of them?",
        """SELECT step.utility_score AS score, step.decision,
       count(*) AS steps
FROM step JOIN job ON job.id = step.job_id
WHERE job.batch_id = '{batch_id}'
  AND step.utility_score IS NOT NULL
GROUP BY step.utility_score, step.decision
ORDER BY step.utility_score DESC""",
    ),
    (
        "Where does the time of a kept and of a rejected draft go, in milliseconds?",
        """SELECT step.decision, count(*) AS steps,
       round(1000 * avg(step.draft_latency_s)) AS draft_ms,
       round(1000 * avg(step.verify_latency_s)) AS verify_ms,
       round(1000 * avg(step.written_latency_s)) AS base_ms
FROM step JOIN job ON job.id = step.job_id
WHERE job.batch_id = '{batch_id}'
  AND step.utility_score IS NOT NULL
GROUP BY step.decision ORDER BY step.decision""",
    ),
)


FIGURES = (
    Column(heading="scheme"),
    Column(heading="pass@1", justify="right"),
    Column(heading="95 %", justify="right", drop=1),
    Column(heading="s/job", justify="right"),
    Column(heading="speedup", justify="right"),
    Column(heading="accepted", justify="right"),
    Column(heading="kept", justify="right", drop=3),
    Column(heading="spent", justify="right", drop=2),
)


def print_figures(console: Console, batches: dict[str, Batch], speedups: dict[str, float | None]) -> None:
    """Print one row per scheme. The interval is Wilson's at 95 %."""
    console.print("\nOne job in flight, the same problems for each scheme\n", style="bold")
    print_table(console, FIGURES, (_figures(name, batches[name], speedups[name]) for name in batches))
    _print_prose(
        console,
        "s/job: mean latency; accepted: acceptance rate, the share of drafts kept; kept, spent: tokens of all jobs",
    )


def print_queries(console: Console, database: Database, batch_id: UUID) -> None:
    """Print each question, its SQL to copy, and the answer."""
    for question, sql in QUESTIONS:
        query = sql.format(batch_id=batch_id)
        answer = read_only_query(database, query)
        _print_prose(console, question, style="bold")
        console.print(Text(query, style="dim"), soft_wrap=True)
        console.print()
        columns = [
            Column(heading=name, justify=_side(answer.rows, place))
            for place, name in enumerate(answer.columns)
        ]
        print_table(
            console,
            columns,
            [[None if value is None else str(value) for value in row] for row in answer.rows],
        )


def print_a_trace(console: Console, client: Client, batch_id: UUID) -> None:
    """Print the first trace with a rejected draft, else the first trace."""
    jobs = list(client.jobs(batch_id))
    job = next((job for job in jobs if job.num_accepted < job.num_drafted), jobs[0])
    _print_prose(console, "One trace", style="bold")
    print_trace(console, job_ref(job, client.batch(batch_id)), job, client.steps(job.job_id))


def _figures(name: str, batch: Batch, speedup: float | None) -> tuple[str | None, ...]:
    interval = None if batch.pass_at_1 is None else pass_at_1_interval(batch.pass_at_1, batch.num_graded)
    return (
        name,
        number(batch.pass_at_1, "{:.2f}"),
        None if interval is None else f"{interval.low:.2f}–{interval.high:.2f}",
        number(batch.mean_latency_s, "{:.2f}"),
        number(speedup, "{:.2f}×"),
        number(batch.step_acceptance, "{:.0%}"),
        f"{batch.kept_tokens:,}",
        f"{batch.spent_tokens:,}",
    )


def _side(rows: Sequence[Sequence[Any]], place: int) -> Literal["left", "right"]:
    return "right" if any(isinstance(row[place], int | Decimal) for row in rows) else "left"


def _print_prose(console: Console, text: str, style: str = "dim") -> None:
    """Print a paragraph after an empty line."""
    console.print()
    print_hanging(console, Text(), Text(text, style=style))
