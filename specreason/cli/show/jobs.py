"""Jobs and attempts as tables."""

from __future__ import annotations

from collections.abc import Sequence

from rich.markup import escape

from specreason.cli.show.batches import facts, grade_in_words
from specreason.cli.show.output import data_console, number, plain_table, print_table
from specreason.client import Attempt, Job
from specreason.words import counted


def print_job(job: Job) -> None:
    """Print one fact per line."""
    ending = f" ({job.stop_reason})" if job.stop_reason else ""
    rows = [
        ("job", str(job.job_id)),
        ("batch", f"{job.batch_id} {job.batch_name}".rstrip()),
        ("problem", job.problem),
        ("its id", job.problem_id),
        ("repeat, seed", f"{job.repeat}, {job.seed}"),
        ("pair, scheme", f"{job.pair}, {job.scheme}"),
        ("state", f"{job.state}{ending}"),
        ("error", job.error),
        ("answer", job.answer),
        ("expected", job.gold),
        ("graded", grade_in_words(job.is_correct)),
        ("steps", f"{job.num_steps}: {job.num_accepted} of {job.num_drafted} drafts accepted"),
        ("tokens", f"{job.kept_tokens:,} kept of {job.spent_tokens:,} spent"),
        ("latency", number(job.latency_s, "{:.2f} s")),
        (
            "attempts",
            f"{job.num_attempts}: {counted(job.num_errors, 'error')}, {job.num_lost} lost with their workers",
        ),
        (
            "deadline",
            None if job.deadline_at is None else f"{job.deadline_at.astimezone():%Y-%m-%d %H:%M:%S}",
        ),
    ]
    data_console().print(facts(rows))


def print_attempts(attempts: Sequence[Attempt]) -> None:
    """Print one row per attempt."""
    table = plain_table("attempt", "worker", "from step", "started", "s", "outcome", "error", right=("s",))
    for attempt in attempts:
        lasted = attempt.ended_at - attempt.started_at if attempt.ended_at is not None else None
        table.add_row(
            str(attempt.number),
            str(attempt.worker_id or "–"),
            str(attempt.first_step),
            f"{attempt.started_at.astimezone():%Y-%m-%d %H:%M:%S}",
            number(None if lasted is None else lasted.total_seconds(), "{:.2f}"),
            attempt.outcome or "runs",
            escape(attempt.error or ""),
        )
    print_table(table)
