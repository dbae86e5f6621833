"""Jobs and attempts as tables, and one job with its figures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.text import Text

from specreason.cli.show.batches import STYLE_OF
from specreason.cli.show.costs import facts_of_job, job_cost
from specreason.cli.show.figures import (
    admission_in_words,
    latency_in_words,
    parts_of_latency,
    short_latency,
    tokens_in_words,
    why_stopped,
)
from specreason.cli.show.output import data_console, moment, number, print_facts
from specreason.cli.show.tables import Column, print_table
from specreason.client import Attempt, Batch, Job, job_ref, short_id
from specreason.words import counted

JOB_COLUMNS = (
    Column(heading="job"),
    Column(heading="problem", least=8, keeps="ends", drop=3),
    Column(heading="state"),
    Column(heading="stopped", drop=7),
    Column(heading="answer", least=8, drop=6),
    Column(heading="graded", drop=5),
    Column(heading="steps", justify="right", drop=2),
    Column(heading="accepted", justify="right", drop=1),
    Column(heading="s (in flight)", justify="right", drop=4),
    Column(heading="error", least=16, drop=8),
)
ATTEMPT_COLUMNS = (
    Column(heading="attempt", justify="right"),
    Column(heading="worker", drop=1),
    Column(heading="from step", justify="right", drop=3),
    Column(heading="started", drop=2),
    Column(heading="s", justify="right", drop=4),
    Column(heading="outcome"),
    Column(heading="error", least=16, drop=5),
)


def print_jobs(batch: Batch, jobs: Iterable[Job]) -> None:
    """Print one row for each of the batch's `jobs`."""
    print_table(
        data_console(),
        JOB_COLUMNS,
        (
            (
                job_ref(job, batch),
                job.problem_id,
                Text(job.state, style=STYLE_OF.get(job.state, "")),
                why_stopped(job),
                job.answer,
                grade_of(job),
                str(job.num_steps) if job.num_steps else None,
                number(job.step_acceptance, "{:.0%}"),
                short_latency(job.latency_s, job.mean_concurrency),
                job.error,
            )
            for job in jobs
        ),
    )


def print_job(batch: Batch, job: Job, gpu_hour_price: float | None = None) -> None:
    """Print one fact per line. `batch` is the job's."""
    ending = f" ({why_stopped(job)})" if job.stop_reason else ""
    print_facts(
        data_console(),
        [
            ("job", job_ref(job, batch)),
            ("id", str(job.job_id)),
            ("batch", f"{short_id(job.batch_id)} {job.batch_name}".rstrip()),
            ("problem", asked(job)),
            ("its id", job.problem_id),
            ("repeat, seed", f"{job.repeat}, {job.seed}"),
            ("pair, scheme", f"{job.pair}, {job.scheme}"),
            ("state", f"{job.state}{ending}"),
            ("error", job.error),
            ("answer", job.answer),
            ("expected", job.gold),
            ("graded", grade_of(job)),
            ("by", job.graded_by),
            ("since", job.grade_detail),
            ("steps", f"{job.num_steps}: {job.num_accepted} of {job.num_drafted} drafts accepted"),
            ("tokens", tokens_in_words(job)),
            ("latency", latency_in_words(job.latency_s, job.mean_concurrency, unit=" s")),
            (
                "of which",
                parts_of_latency(job.latency_s, engine_s=job.engine_s, store_s=job.store_s, own_s=job.own_s),
            ),
            ("waited", admission_in_words(job.admission_s)),
            *facts_of_job(job_cost(job, gpu_hour_price)),
            (
                "attempts",
                f"{job.num_attempts}: {counted(job.num_errors, 'error')}, {job.num_lost} lost with their workers",
            ),
            ("deadline", None if job.deadline_at is None else moment(job.deadline_at, seconds=True)),
        ],
    )


def print_attempts(attempts: Sequence[Attempt]) -> None:
    """Print one row per attempt."""
    print_table(data_console(), ATTEMPT_COLUMNS, map(_attempt, attempts))


def asked(job: Job) -> str:
    """Return the problem's text; of a chat, each message after its role."""
    if job.messages is None:
        return job.problem
    return "\n\n".join(f"{message['role']}: {message['content']}" for message in job.messages)


def grade_of(job: Job) -> str | None:
    """Return the word for a job's grade; None if there is nothing to grade."""
    if job.is_correct is not None:
        word = "right" if job.is_correct else "wrong (given up)" if job.given_up else "wrong"
        return word if job.graded_at is not None or job.given_up is None else f"{word}, to be graded again"
    is_pending = job.state == "succeeded" and job.answer is not None and job.gold is not None
    return "pending" if is_pending else None


def _attempt(attempt: Attempt) -> tuple[str | None, ...]:
    lasted = None if attempt.ended_at is None else (attempt.ended_at - attempt.started_at).total_seconds()
    return (
        str(attempt.number),
        None if attempt.worker_id is None else short_id(attempt.worker_id),
        str(attempt.first_step),
        moment(attempt.started_at, seconds=True),
        number(lasted, "{:.2f}"),
        attempt.outcome or "runs",
        attempt.error,
    )
