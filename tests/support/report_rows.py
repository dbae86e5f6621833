"""Rows of a report without a store: batches with jobs whose grades and latencies a test gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from specreason.evaluation.report import kinds
from specreason.evaluation.report.report import make_report
from specreason.evaluation.report.rows import (
    ReportBatch,
    ReportJob,
    ReportRows,
    RewardedStep,
    RewrittenStep,
    SlowStep,
)
from specreason.evaluation.report.steps import RewrittenProblem
from specreason.evaluation.report.values import CellFigures, Figure, Report
from tests.support.runs import columns

SQL = {kind.name: f"SELECT '{kind.name}'" for kind in kinds.ALL}
Batch = tuple[ReportBatch, tuple[ReportJob, ...]]


def batch_of(
    number: int,
    grades: Sequence[Sequence[bool | None]],
    *,
    first_repeat: int = 0,
    batch: dict[str, Any] | None = None,
    job: dict[str, Any] | None = None,
    **config: Any,
) -> Batch:
    """A batch with these grades of each problem's repeats; a job takes 1 s more on each further problem.

    It kept 80 of 100 tokens, 30 of the drafter's, and, where the scheme drafts, four of six drafts. `batch` and `job`
    give other values.
    """
    stored = {"scheme": "base", "repeats": len(grades[0]), **config}
    if first_repeat:
        stored["first_repeat"] = first_repeat
    value = ReportBatch(
        batch_id=UUID(int=number),
        name=f"batch {number}",
        pair="demo",
        dataset="sums",
        config=stored,
        threshold=stored.get("threshold", 7.0),
        models={"base": "owner/Big-32B", "drafter": "owner/Small-1.5B"},
        versions=("a",),
        problems_digest="same",
    )
    value = replace(value, **(batch or {}))
    drafts = {"num_drafted": 6, "num_accepted": 4} if stored["scheme"].startswith("specreason") else {}
    jobs = tuple(
        replace(_job(number, index, first_repeat + repeat, is_correct=grade), **(drafts | (job or {})))
        for index, of_problem in enumerate(grades)
        for repeat, grade in enumerate(of_problem)
    )
    return value, jobs


def _job(number: int, index: int, repeat: int, *, is_correct: bool | None) -> ReportJob:
    return ReportJob(
        batch_id=UUID(int=number),
        job_id=UUID(int=(number << 64) + 1000 * index + repeat),
        problem=f"p{index}",
        problem_index=index,
        problem_digest=-index,
        repeat=repeat,
        state="succeeded",
        is_correct=is_correct,
        graded_by=None if is_correct is None else "layers 1",
        is_to_grade=False,
        resumed=False,
        latency_s=2.0 + index,
        concurrency=4.0,
        kept_tokens=80,
        drafter_tokens=30,
        spent_tokens=100,
        num_steps=10,
        num_drafted=0,
        num_accepted=0,
        engine_s=1.6,
        draft_s=10.0,
        verify_s=5.0,
        written_s=25.0,
    )


def rows_of_report(
    *batches: Batch, rewards: Sequence[RewardedStep] = (), slowest: Sequence[SlowStep] = (), parts: int = 1
) -> ReportRows:
    return ReportRows(
        batches=[batch for batch, _ in batches],
        jobs=columns(ReportJob, [job for _, jobs in batches for job in jobs]),
        rewards=columns(RewardedStep, rewards),
        slowest=slowest,
        sql=SQL,
        parts=parts,
    )


def report_of(*batches: Batch, **others: Any) -> Report:
    return make_report(rows_of_report(*batches, **others), examples, title="Report")


def examples(problems: Sequence[RewrittenProblem]) -> tuple[Sequence[RewrittenStep], str]:
    """The third step of each job."""
    return [RewrittenStep(job_id=each.example, step=2, text="So it is 5.") for each in problems], "SELECT 2"


def figure_of(report: Report, name: str) -> Figure:
    (found,) = (figure for figure in report.figures if figure.name == name)
    return found


def reason_of(report: Report, name: str) -> str:
    """Why a figure is left out."""
    (found,) = (each for each in report.left_out if each.name == name)
    return found.reason


def cell_of_scheme(report: Report, scheme: str) -> CellFigures:
    (found,) = (cell for cell in report.cells if cell.scheme == scheme)
    return found


def shuffled(rows: ReportRows, order: Sequence[int]) -> ReportRows:
    """The same rows with the batches and their jobs in another order."""
    batches = [rows.batches[place] for place in order]
    place_of = {batch.batch_id: place for place, batch in enumerate(batches)}
    jobs = [
        ReportJob(**dict(zip(rows.jobs, row, strict=True))) for row in zip(*rows.jobs.values(), strict=True)
    ]
    jobs.sort(key=lambda job: (place_of[job.batch_id], -job.problem_index, job.repeat))
    return replace(rows, batches=batches, jobs=columns(ReportJob, jobs))
