"""The output of `specreason demo`: a table, two questions answered in SQL, and one trace to read."""

from __future__ import annotations

from uuid import UUID

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from specreason.cli.show.output import number
from specreason.cli.show.trace import print_trace
from specreason.client import Batch, Client
from specreason.evaluation.metrics import pass_at_1_interval
from specreason.store.read.query import read_only_query
from specreason.store.session import Database

QUESTIONS = (
    (
        "What did the base model think of the drafts, and what became of them?",
        """SELECT step.utility_score AS score, step.decision, count(*) AS steps
FROM step JOIN job ON job.id = step.job_id
WHERE job.batch_id = '{batch_id}' AND step.utility_score IS NOT NULL
GROUP BY step.utility_score, step.decision ORDER BY step.utility_score DESC""",
    ),
    (
        "Where does the time of a kept and of a rejected draft go, in milliseconds?",
        """SELECT step.decision, count(*) AS steps,
       round(1000 * avg(step.draft_latency_s)) AS draft_ms,
       round(1000 * avg(step.verify_latency_s)) AS verify_ms,
       round(1000 * avg(step.written_latency_s)) AS base_ms
FROM step JOIN job ON job.id = step.job_id
WHERE job.batch_id = '{batch_id}' AND step.utility_score IS NOT NULL
GROUP BY step.decision ORDER BY step.decision""",
    ),
)


def print_figures(console: Console, batches: dict[str, Batch], speedups: dict[str, float | None]) -> None:
    """Print one row per scheme. The interval is Wilson's at 95 %."""
    table = Table(title="One job in flight, the same problems for each scheme", box=box.SIMPLE_HEAD)
    table.add_column("scheme", no_wrap=True)
    for heading in ("pass@1", "95 %", "s/job", "speedup", "accepted", "kept", "spent"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, batch in batches.items():
        interval = None
        if batch.pass_at_1 is not None:
            interval = pass_at_1_interval(batch.pass_at_1, batch.num_graded)
        table.add_row(
            name,
            number(batch.pass_at_1, "{:.2f}"),
            "–" if interval is None else f"{interval.low:.2f}–{interval.high:.2f}",
            number(batch.mean_latency_s, "{:.2f}"),
            number(speedups[name], "{:.2f}×"),
            number(batch.step_acceptance, "{:.0%}"),
            f"{batch.kept_tokens:,}",
            f"{batch.spent_tokens:,}",
        )
    console.print(table)
    console.print(
        "s/job: mean latency; accepted: acceptance rate, the share of drafts kept; kept, spent: tokens of all jobs\n",
        style="dim",
    )


def print_queries(console: Console, database: Database, batch_id: UUID) -> None:
    """Print each question, its SQL to copy, and the answer."""
    for question, sql in QUESTIONS:
        query = sql.format(batch_id=batch_id)
        answer = read_only_query(database, query)
        console.print(f"[bold]{question}[/bold]")
        console.print(escape(query), style="dim", highlight=False, soft_wrap=True)
        table = Table(*answer.columns, box=box.SIMPLE_HEAD)
        for row in answer.rows:
            table.add_row(*("" if value is None else str(value) for value in row))
        console.print(table)


def print_a_trace(console: Console, client: Client, batch_id: UUID) -> None:
    """Print the first trace with a rejected draft, else the first trace."""
    jobs = list(client.jobs(batch_id))
    job = next((job for job in jobs if job.num_accepted < job.num_drafted), jobs[0])
    console.print("[bold]One trace[/bold]")
    print_trace(console, job, client.steps(job.job_id))
