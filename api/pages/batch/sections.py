"""The values of the sections that take long: figures, the judge, and the comparison with a batch of the base."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from api.pages.batch.charts import charts_of, waits_chart
from api.pages.batch.tables import comparison_rows, figure_rows
from specreason.errors import InputError, NotFound
from specreason.evaluation.cost import cost_of_batch
from specreason.store.access.visibility import Viewer
from specreason.store.analysis.comparison import compare_batches
from specreason.store.analysis.costs import base_only_batch
from specreason.store.read.summaries import read_batch
from specreason.store.read.waits import read_waits
from specreason.store.session import Database

# The sums over the jobs of a batch this large still come with the first paint.
MOST_JOBS_AT_ONCE = 5_000
# Between two looks at the sums of a batch that runs: they cost about ten times as much as its head.
SUMS_S = 15


def sums_of(store: Database, viewer: Viewer, batch_id: UUID, gpu_hour_price: float | None) -> dict[str, Any]:
    """What the jobs that have ended amount to: of the template `batch/sums`. Raises NotFound."""
    summary = read_batch(store, viewer, batch_id)
    is_open = bool(summary.num_queued + summary.num_running) or summary.num_ungraded > 0
    return {
        "sums": summary,
        "cost": cost_of_batch(summary, gpu_hour_price),
        "waits": waits_chart(read_waits(store, viewer, batch_id)),
        "sums_s": SUMS_S if is_open else None,
    }


def figures_of(store: Database, viewer: Viewer, batch_id: UUID) -> dict[str, Any]:
    """Of the template `batch/figures`. Raises NotFound, and ExtraMissing without the extra `analysis`."""
    from specreason.store.analysis.figures import read_figures

    figures = read_figures(store, viewer, batch_id)
    return {"figures": figures, "rows": figure_rows(figures)}


def judge_of(store: Database, viewer: Viewer, batch_id: UUID) -> dict[str, Any]:
    """Of the template `batch/judge`. Raises as `figures_of` does."""
    from specreason.evaluation.judge.judging import judge
    from specreason.store.analysis.judge.judged import read_judged

    judgement = judge(read_judged(store, viewer, batch_id))
    return {"judgement": judgement, "charts": charts_of(judgement)}


def beside_of(
    store: Database, viewer: Viewer, batch_id: UUID, against: UUID | None, gpu_hour_price: float | None
) -> dict[str, Any]:
    """Of the template `batch/beside`: against the named batch, else one of the base over the same problems.

    `why_not` says why there is no comparison. Raises NotFound for this batch, and ExtraMissing.
    """
    other = against if against is not None else base_only_batch(store, viewer, batch_id)
    empty: dict[str, Any] = {"comparison": None, "beside": (), "other": other, "why_not": None}
    if other is None:
        return empty | {
            "why_not": "There is no ended batch of the base alone over the same problems to compare with."
        }
    try:
        comparison = compare_batches(store, viewer, other, batch_id, gpu_hour_price=gpu_hour_price)
    except NotFound:
        raise
    except InputError as error:
        return empty | {"why_not": str(error)}
    return empty | {"comparison": comparison, "beside": comparison_rows(comparison)}
