"""What `specreason demo` prints: a table, two questions answered in SQL, and one trace to read."""

from __future__ import annotations

from typing import Any

import httpx2
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from specreason.evaluation.metrics import pass_at_1_interval
from specreason.store.session import Database, read_only_query

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


def print_table(
    console: Console, batches: dict[str, dict[str, Any]], speedups: dict[str, float | None]
) -> None:
    """One row a scheme. The interval is Wilson's at 95 %."""
    table = Table(title="One job in flight, the same problems for each scheme", box=box.SIMPLE_HEAD)
    table.add_column("scheme", no_wrap=True)
    for heading in ("pass@1", "95 %", "s/job", "speedup", "accepted", "kept", "spent"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, batch in batches.items():
        graded = batch["num_graded"]
        interval = pass_at_1_interval(batch["pass_at_1"], graded) if graded else None
        table.add_row(
            name,
            _number(batch["pass_at_1"], "{:.2f}"),
            "–" if interval is None else f"{interval.low:.2f}–{interval.high:.2f}",
            _number(batch["mean_latency_s"], "{:.2f}"),
            _number(speedups[name], "{:.2f}×"),
            _number(batch["step_acceptance"], "{:.0%}"),
            f"{batch['kept_tokens']:,}",
            f"{batch['spent_tokens']:,}",
        )
    console.print(table)
    console.print(
        "s/job: mean latency; accepted: drafts that were kept; kept, spent: tokens of all jobs\n", style="dim"
    )


def print_queries(console: Console, database: Database, batch_id: str) -> None:
    """Each question, its SQL as a user may paste it, and the answer."""
    for question, sql in QUESTIONS:
        query = sql.format(batch_id=batch_id)
        answer = read_only_query(database, query)
        console.print(f"[bold]{question}[/bold]")
        console.print(escape(query), style="dim", highlight=False, soft_wrap=True)
        table = Table(*answer.columns, box=box.SIMPLE_HEAD)
        for row in answer.rows:
            table.add_row(*("" if value is None else str(value) for value in row))
        console.print(table)


def print_trace(console: Console, api_url: str, batch_id: str) -> None:
    """The first trace in which a draft was rejected, else the first."""
    with httpx2.Client(base_url=f"{api_url}/api", timeout=30, trust_env=False) as client:
        jobs = (
            client.get(f"/batches/{batch_id}/jobs", params={"limit": 1000}).raise_for_status().json()["data"]
        )
        job = next((job for job in jobs if job["num_accepted"] < job["num_drafted"]), jobs[0])
        steps = client.get(f"/jobs/{job['job_id']}/steps").raise_for_status().json()["data"]
    console.print(
        f"[bold]One trace[/bold] (job {job['job_id']})\n{escape(job['problem'])}\n", highlight=False
    )
    for step in steps:
        _print_step(console, step)
    verdict = {True: "right", False: "wrong", None: "not graded"}[job["is_correct"]]
    console.print(
        f"\nanswer {escape(job['answer'] or 'none')}, expected {escape(job['gold'] or '?')}: {verdict}"
    )


def _print_step(console: Console, step: dict[str, Any]) -> None:
    label = f"{step['index']:>3}  "
    if step["score"] is not None:
        kept = step["decision"] == "accepted"
        mark = "[green]kept[/green]" if kept else "[red]rejected[/red]"
        score, draft = step["score"], _one_line(step["draft_text"])
        console.print(f"{label}[cyan]drafter[/cyan] scored {score}, {mark}: {draft}", highlight=False)
        if kept:
            return
        label = " " * len(label)
    author = step["author"] or "the loop"
    console.print(f"{label}[magenta]{author}[/magenta]: {_one_line(step['kept_text'])}", highlight=False)


def _one_line(text: str) -> str:
    return escape(" ".join(text.split()))


def _number(value: float | None, form: str) -> str:
    return "–" if value is None else form.format(value)
