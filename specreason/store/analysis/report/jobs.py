"""The jobs of a report. They are read once, with all columns; each figure shows the same statement with its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from uuid import UUID

from specreason.evaluation.report import kinds
from specreason.evaluation.report.rows import ReportJob
from specreason.store.analysis.report.statement import Statement

# The fields of ReportJob. The digest is that of `analysis.runs`.
_COLUMNS = {
    "batch_id": "job.batch_id",
    "job_id": "job.id",
    "problem": "coalesce(problem.problem_id, problem.index::text)",
    "problem_index": "problem.index",
    "problem_digest": "hashtextextended(coalesce(problem.messages::text, '') || problem.text, 0)",
    "repeat": "job.repeat",
    "state": "job.state",
    "is_correct": "job.is_correct",
    "graded_by": "job.graded_by",
    "is_to_grade": "job.gradable AND job.state = 'succeeded' AND job.graded_at IS NULL",
    "resumed": "job.resumed",
    "latency_s": "job.latency_s",
    "concurrency": "job.mean_concurrency",
    "kept_tokens": "job.think_tokens + job.answer_tokens",
    "drafter_tokens": "job.drafter_tokens",
    "spent_tokens": "job.spent_tokens",
    "num_steps": "job.num_steps",
    "num_drafted": "job.num_drafted",
    "num_accepted": "job.num_accepted",
    "engine_s": "job.engine_s",
    "draft_s": "calls.draft_s",
    "verify_s": "calls.verify_s",
    "written_s": "calls.written_s",
}
_OF_ALL = ("batch_id", "job_id", "problem", "problem_index", "problem_digest", "repeat", "state")
_RIGHT, _TIMED, _DRAFTED = ("is_correct",), ("resumed", "latency_s"), ("num_drafted", "num_accepted")
_OF_FIGURES: Mapping[kinds.Kind, tuple[str, ...]] = {
    kinds.ACCURACY_LATENCY: (*_RIGHT, *_TIMED, "concurrency"),
    kinds.OUTPUT_LENGTH: ("kept_tokens", "drafter_tokens", "spent_tokens"),
    kinds.BUDGET_GAP: _RIGHT,
    kinds.THRESHOLD_SWEEP: (*_RIGHT, *_TIMED, *_DRAFTED),
    kinds.FIRST_N_SWEEP: (*_RIGHT, *_TIMED, *_DRAFTED),
    kinds.BASE_SIZES: (*_RIGHT, *_TIMED),
    kinds.WHERE_TIME_GOES: (*_TIMED, "engine_s", "draft_s", "verify_s", "written_s"),
    kinds.MOST_REWRITTEN_STEPS: _DRAFTED,
}
# The sums of a batch, whose digits are exact: a sum of doubles would differ with the order of the rows.
_CALLS = """
LEFT JOIN (
    SELECT
        batch_id,
        sum(draft_s::numeric)::double precision AS draft_s,
        sum(verify_s::numeric)::double precision AS verify_s,
        sum(written_s::numeric)::double precision AS written_s
    FROM latency_breakdown
    WHERE batch_id = ANY (%(batches)s)
    GROUP BY batch_id
) AS calls ON calls.batch_id = job.batch_id"""


def jobs_of(batches: Sequence[UUID]) -> Statement:
    """Every job of these batches, with the columns of ReportJob."""
    return _jobs(batches, [field.name for field in fields(ReportJob)])


def shown_for_figures(batches: Sequence[UUID]) -> dict[str, str]:
    """By figure of jobs, the same statement with the columns that the figure is made of."""
    return {
        kind.name: f"-- {kind.title}: the jobs behind it.\n{_jobs(batches, (*_OF_ALL, *names)).shown()}"
        for kind, names in _OF_FIGURES.items()
    }


def _column(name: str) -> str:
    expression = _COLUMNS[name]
    return expression if expression == f"job.{name}" else f"{expression} AS {name}"


def _jobs(batches: Sequence[UUID], names: Iterable[str]) -> Statement:
    chosen = ",\n    ".join(map(_column, names))
    has_calls = "calls." in chosen
    sql = f"""SELECT
    {chosen}
FROM job_with_grade AS job
JOIN problem ON problem.id = job.problem_id{_CALLS if has_calls else ""}
WHERE job.batch_id = ANY (%(batches)s)
ORDER BY job.batch_id, problem.index, job.repeat"""  # noqa: S608 -- expressions of ours
    return Statement(sql=sql, columns=tuple(names), parameters={"batches": batches})
