"""The figures of single steps: those that took longest, and problems on which the base writes most of them again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from specreason.evaluation.report.kinds import MOST_REWRITTEN_STEPS, SLOWEST_STEPS
from specreason.evaluation.report.measures import MeasuredCell
from specreason.evaluation.report.pooling import PooledCell
from specreason.evaluation.report.rows import MOST_ROWS, RewrittenStep, Row, SlowStep
from specreason.evaluation.report.values import Figure, LeftOut
from specreason.evaluation.report.wording import percent, seconds
from specreason.evaluation.runs import is_measured
from specreason.words import counted


@dataclass(frozen=True, slots=True, kw_only=True)
class RewrittenProblem:
    """A problem of one cell, over its jobs that succeeded and drafted. `example` is the job with most rewritings."""

    cell: PooledCell
    problem: str
    num_jobs: int
    num_drafts: int
    num_rewritten: int
    example: UUID


def slowest_steps(
    cells: Sequence[MeasuredCell], slowest: Sequence[SlowStep], sql: str, *, parts: int
) -> Figure | LeftOut:
    """The slowest of the report, from the slowest first; of very many steps those of one in `parts` problems."""
    kind = SLOWEST_STEPS
    cell_of = {batch.batch_id: each.pooled for each in cells for batch in each.pooled.batches}
    ordered = sorted(slowest, key=lambda step: (-step.seconds, step.job_id, step.step))[:MOST_ROWS]
    if not ordered:
        return kind.left_out()
    rows: list[Row] = [
        (
            *(cell_of[step.batch_id].key, cell_of[step.batch_id].label),
            *(str(step.batch_id), str(step.job_id), step.problem, step.repeat, step.step),
            *(step.decision, step.author, step.seconds, step.kept_tokens, step.text),
        )
        for step in ordered
    ]
    first = ordered[0]
    says = f"The slowest takes {seconds(first.seconds)}: step {first.step} of problem {first.problem}."
    remarks = [f"Of the many steps those of one in {parts} problems were read."] if parts > 1 else []
    return kind.figure(rows, says=says, sql=sql, remarks=remarks)


def most_rewritten(cells: Sequence[PooledCell]) -> list[RewrittenProblem]:
    """The problems with most rewritings per job, at most MOST_ROWS."""
    found = [problem for cell in cells for problem in _rewritten(cell)]
    # The order of the cells decides between equal ones.
    return sorted(found, key=lambda each: (-each.num_rewritten / each.num_jobs, -each.num_drafts))[:MOST_ROWS]


def most_rewritten_steps(
    problems: Sequence[RewrittenProblem], examples: Sequence[RewrittenStep], sql: str
) -> Figure | LeftOut:
    kind = MOST_REWRITTEN_STEPS
    if not problems:
        return kind.left_out()
    of_job: Mapping[UUID, RewrittenStep] = {example.job_id: example for example in examples}
    rows: list[Row] = []
    for each in problems:
        example = of_job.get(each.example)
        rows.append(
            (
                *(each.cell.key, each.cell.label, each.problem, each.num_jobs, each.num_drafts),
                *(each.num_rewritten, each.num_rewritten / each.num_drafts, str(each.example)),
                *((example.step, example.text) if example is not None else (None, None)),
            )
        )
    first = problems[0]
    says = (
        f"On problem {first.problem} the base writes {percent(first.num_rewritten / first.num_drafts)} of "
        f"{counted(first.num_drafts, 'draft')} again ({first.cell.label})."
    )
    return kind.figure(rows, says=says, sql=sql)


def _rewritten(cell: PooledCell) -> list[RewrittenProblem]:
    """The problems of a cell with a rejected draft."""
    names = ("job_id", "problem", "state", "num_drafted", "num_accepted")
    of_problem: dict[int, list[tuple[UUID, str, int, int]]] = defaultdict(list)
    for number, job_id, problem, state, drafted, accepted in zip(
        cell.problem.tolist(), *(cell.jobs[name] for name in names), strict=True
    ):
        if is_measured(state) and drafted:
            of_problem[number].append((job_id, problem, drafted, drafted - accepted))
    found = []
    for jobs in of_problem.values():
        num_rewritten = sum(rewritten for *_, rewritten in jobs)
        if num_rewritten:
            example, problem, *_ = max(jobs, key=lambda job: (job[3], -job[2]))
            found.append(
                RewrittenProblem(
                    cell=cell,
                    problem=problem,
                    num_jobs=len(jobs),
                    num_drafts=sum(drafted for _, _, drafted, _ in jobs),
                    num_rewritten=num_rewritten,
                    example=example,
                )
            )
    return found
