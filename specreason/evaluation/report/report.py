"""Makes a report from rows: cells, figures, and what they say."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from specreason.evaluation.comparison.saying import LIKE
from specreason.evaluation.report import kinds
from specreason.evaluation.report.accuracy import accuracy_latency, base_sizes
from specreason.evaluation.report.measures import MeasuredCell, measure
from specreason.evaluation.report.pooling import pool
from specreason.evaluation.report.remarks import remarks
from specreason.evaluation.report.reward import reward
from specreason.evaluation.report.rows import ReportRows, RewrittenStep
from specreason.evaluation.report.spending import output_length, where_time_goes
from specreason.evaluation.report.steps import (
    RewrittenProblem,
    most_rewritten,
    most_rewritten_steps,
    slowest_steps,
)
from specreason.evaluation.report.sweeps import budget_gap, first_n_sweep, threshold_sweep
from specreason.evaluation.report.values import Figure, LeftOut, Report
from specreason.evaluation.report.wording import share, times
from specreason.words import counted

# The example steps of these problems, and the statement that has read them.
Examples = Callable[[Sequence[RewrittenProblem]], tuple[Sequence[RewrittenStep], str]]


def make_report(rows: ReportRows, examples: Examples, *, title: str) -> Report:
    """The report of these rows. `examples` reads the few steps that are known only once the jobs are.

    Neither the order of the batches nor that of other rows changes anything.
    """
    cells = measure(pool(rows.batches, rows.jobs))
    made = _figures(cells, rows, examples)
    return Report(
        title=title,
        says=_says(cells),
        remarks=tuple(remarks(cells)),
        cells=tuple(each.figures for each in cells),
        figures=tuple(each for each in made if isinstance(each, Figure)),
        left_out=tuple(each for each in made if isinstance(each, LeftOut)),
        configurations={
            str(batch.batch_id): {"name": batch.name, "pair": batch.pair, "config": dict(batch.config)}
            for batch in sorted(rows.batches, key=lambda each: each.batch_id)
        },
    )


def _figures(cells: Sequence[MeasuredCell], rows: ReportRows, examples: Examples) -> list[Figure | LeftOut]:
    problems = most_rewritten([each.pooled for each in cells])
    steps, sql_of_examples = examples(problems)
    sql = rows.sql
    made = (
        accuracy_latency(cells, sql[kinds.ACCURACY_LATENCY.name]),
        output_length(cells, sql[kinds.OUTPUT_LENGTH.name]),
        budget_gap(cells, sql[kinds.BUDGET_GAP.name]),
        threshold_sweep(cells, sql[kinds.THRESHOLD_SWEEP.name]),
        first_n_sweep(cells, sql[kinds.FIRST_N_SWEEP.name]),
        reward(cells, rows.rewards, sql[kinds.REWARD.name], parts=rows.parts),
        base_sizes(cells, sql[kinds.BASE_SIZES.name]),
        where_time_goes(cells, sql[kinds.WHERE_TIME_GOES.name]),
        slowest_steps(cells, rows.slowest, sql[kinds.SLOWEST_STEPS.name], parts=rows.parts),
        most_rewritten_steps(
            problems, steps, f"{sql[kinds.MOST_REWRITTEN_STEPS.name]}\n{sql_of_examples}".strip() + "\n"
        ),
    )
    return list(made)


def _says(cells: Sequence[MeasuredCell]) -> str:
    """The largest speedup of a scheme that drafts steps, and what it costs in right answers."""
    sped = [
        (each.figures.speedup, each, each.base)
        for each in cells
        if each.figures.speedup is not None and each.base is not None and each.pooled.cell.scheme.drafts_steps
    ]
    if not sped:
        jobs = sum(each.figures.num_succeeded for each in cells)
        return (
            f"{counted(len(cells), 'cell')} over {counted(jobs, 'job')} that succeeded; no speedup is known."
        )
    speedup, fastest, base = max(sped, key=lambda found: found[0].mean)
    said = (
        f"On {fastest.figures.dataset}, {fastest.figures.label} is {times(speedup)} as fast as the base alone"
    )
    beside = next(each.figures for each in cells if each.pooled is base)
    loads = _of_loads(fastest.figures.concurrency, beside.concurrency)
    ours, theirs = fastest.figures.pass_at_1, beside.pass_at_1
    if ours is None or theirs is None:
        return f"{said}.{loads}"
    return f"{said}, at pass@1 {share(ours)} against {theirs.mean:.2f}.{loads}"


def _of_loads(ours: float | None, theirs: float | None) -> str:
    """What to know of a speedup that was measured at two loads."""
    if ours is None or theirs is None or max(ours, theirs) <= LIKE * min(ours, theirs):
        return ""
    return f" It had {ours:.1f} jobs in flight and the base {theirs:.1f}, so that these latencies do not compare."
