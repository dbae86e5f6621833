"""Reads the report of batches: their rows in one snapshot, and the figures that are made of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from uuid import UUID

from specreason.evaluation.report import kinds
from specreason.evaluation.report.report import make_report
from specreason.evaluation.report.rows import ReportRows, RewrittenStep
from specreason.evaluation.report.steps import RewrittenProblem
from specreason.evaluation.report.values import Report
from specreason.evaluation.runs import Columns, is_measured
from specreason.store.access.visibility import Viewer
from specreason.store.analysis.judge.judged import MOST_STEPS
from specreason.store.analysis.report.batches import chosen, read_batches
from specreason.store.analysis.report.jobs import jobs_of, shown_for_figures
from specreason.store.analysis.report.steps import (
    read_rewritten,
    read_slowest,
    rewards_of,
    rewritten_of,
    slowest_of,
)
from specreason.store.session import Connection, Database, transaction


def read_report(
    database: Database, viewer: Viewer, batch_ids: Sequence[UUID] = (), *, eval_name: str | None = None
) -> Report:
    """The report of these batches, or of all of an evaluation. Of more than MOST_STEPS steps a part is read.

    Raises InvalidField unless one of both is given, or for too many batches; NotFound; ExtraMissing.
    """
    with transaction(database) as connection:
        # All statements see the same rows.
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        ids = chosen(connection, viewer, batch_ids, eval_name)
        rows = _rows(connection, ids)

    def examples(problems: Sequence[RewrittenProblem]) -> tuple[Sequence[RewrittenStep], str]:
        statement = rewritten_of(sorted(problem.example for problem in problems))
        # Another transaction: one that waits for the figures would be ended. Steps of ended jobs do not change.
        with transaction(database) as connection:
            return read_rewritten(connection, statement), statement.shown()

    return make_report(rows, examples, title="Report" if eval_name is None else f"Evaluation {eval_name}")


def _rows(connection: Connection, batch_ids: Sequence[UUID]) -> ReportRows:
    jobs = jobs_of(batch_ids).read(connection)
    parts = max(1, math.ceil(_num_steps(jobs) / MOST_STEPS))
    slowest, rewards = slowest_of(batch_ids, parts), rewards_of(batch_ids, parts)
    return ReportRows(
        batches=read_batches(connection, batch_ids),
        jobs=jobs,
        rewards=rewards.read(connection),
        slowest=read_slowest(connection, slowest),
        sql={
            **shown_for_figures(batch_ids),
            kinds.REWARD.name: rewards.shown(),
            kinds.SLOWEST_STEPS.name: slowest.shown(),
        },
        parts=parts,
    )


def _num_steps(jobs: Columns) -> int:
    """Those that are read if all are."""
    of_jobs = zip(jobs["num_steps"], jobs["state"], strict=True)
    return sum(number or 0 for number, state in of_jobs if is_measured(state))
