"""The cost of a batch beside that of another one on the same problems, such as of the base alone."""

from __future__ import annotations

from decimal import Decimal
from uuid import UUID

from sqlalchemy import Numeric, cast, exists, func, select

from specreason.config import SchemeName
from specreason.evaluation.comparison.costs import cost_ratio
from specreason.evaluation.comparison.knobs import unlike_in_cost
from specreason.evaluation.comparison.values import Knob
from specreason.evaluation.cost import CostRatio
from specreason.store.access.visibility import Viewer, require_batch
from specreason.store.analysis.runs import DIGEST, read_runs
from specreason.store.session import Connection, Database, transaction
from specreason.store.tables.queue import batch, job, problem
from specreason.store.tables.states import JobState

# The newest batches of the base alone, as large as this one, whose problems are looked at.
BATCHES_LOOKED_AT = 20


def base_only_batch(database: Database, viewer: Viewer, batch_id: UUID) -> UUID | None:
    """The batch in which the base alone ran the same problems on the same pair: of the same grid, else the newest.

    It has ended, and the device time of jobs that succeeded in it is known. None if there is none, or if `batch_id` is
    one of the base alone itself. Raises NotFound.
    """
    ours = batch.alias("ours")
    scheme, grid = batch.c.config["scheme"].astext, batch.c.metadata["grid_id"].astext
    of_our_grid = func.coalesce(grid == ours.c.metadata["grid_id"].astext, False)
    in_it = job.c.batch_id == batch.c.id
    is_open = exists().where(in_it, job.c.state.in_((JobState.QUEUED, JobState.RUNNING)))
    device_s = job.c.drafter_device_s + job.c.base_device_s
    is_measured = exists().where(in_it, job.c.state == JobState.SUCCEEDED, device_s > 0)
    as_large = (batch.c.pair == ours.c.pair) & (batch.c.num_problems == ours.c.num_problems)
    found = (
        select(batch.c.id)
        .select_from(ours)
        .join(batch, as_large)
        .where(
            ours.c.id == batch_id,
            ours.c.config["scheme"].astext != SchemeName.BASE,
            scheme == SchemeName.BASE,
            viewer.sees(batch.c.owner),
            ~is_open,
            is_measured,
        )
        .order_by(of_our_grid.desc(), batch.c.id.desc())
        .limit(BATCHES_LOOKED_AT)
    )
    with transaction(database) as connection:
        require_batch(connection, viewer, batch_id)
        candidates = connection.scalars(found).all()
        problems = _digest(connection, batch_id) if candidates else None
        return next((each for each in candidates if _digest(connection, each) == problems), None)


def cost_beside(
    database: Database, viewer: Viewer, ours: UUID, theirs: UUID
) -> tuple[CostRatio | None, tuple[Knob, ...]]:
    """The cost of one batch over that of another, and the knobs that may be a reason for it beside the scheme.

    Raises NotFound.
    """
    with transaction(database) as connection:
        a, b = read_runs(connection, viewer, theirs, ours)
    return cost_ratio(a, b), unlike_in_cost(a, b)


def _digest(connection: Connection, batch_id: UUID) -> Decimal | None:
    """The same for batches of the same problems, in any order."""
    whole: Decimal | None = connection.scalar(
        select(func.sum(cast(DIGEST, Numeric))).where(problem.c.batch_id == batch_id)
    )
    return whole
