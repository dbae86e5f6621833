"""The GPU-seconds of two batches on the same problems, such as those of a scheme and of the base alone."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Subquery, exists, func, select

from specreason.config import SchemeName
from specreason.store.access.visibility import Viewer, require_batch
from specreason.store.session import Database, transaction
from specreason.store.tables.queue import batch, job, problem, worker
from specreason.store.tables.states import JobState


def base_only_batch(database: Database, viewer: Viewer, batch_id: UUID) -> UUID | None:
    """The batch in which the base alone ran the same first problem on the same pair: of the same grid, else the newest.

    None if there is none, or if `batch_id` is one itself. Raises NotFound.
    """
    ours, first = batch.alias("ours"), problem.alias("first")
    its_first = exists().where(
        problem.c.batch_id == batch.c.id, problem.c.index == 0, problem.c.text == first.c.text
    )
    scheme, grid = batch.c.config["scheme"].astext, batch.c.metadata["grid_id"].astext
    of_our_grid = func.coalesce(grid == ours.c.metadata["grid_id"].astext, False)
    found = (
        select(batch.c.id)
        .select_from(ours)
        .join(first, (first.c.batch_id == ours.c.id) & (first.c.index == 0))
        .join(batch, batch.c.pair == ours.c.pair)
        .where(
            ours.c.id == batch_id,
            ours.c.config["scheme"].astext != SchemeName.BASE,
            scheme == SchemeName.BASE,
            viewer.sees(batch.c.owner),
            its_first,
        )
        .order_by(of_our_grid.desc(), batch.c.id.desc())
        .limit(1)
    )
    with transaction(database) as connection:
        require_batch(connection, viewer, batch_id)
        base: UUID | None = connection.scalar(found)
    return base


def gpu_seconds(
    database: Database, viewer: Viewer, ours: UUID, theirs: UUID
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The mean GPU-seconds of a succeeded job of both batches, for each problem that both have them of.

    Problems match by place and text. Raises NotFound.
    """
    one, other = _by_problem(ours, "ours"), _by_problem(theirs, "theirs")
    same = (one.c.index == other.c.index) & (one.c.text == other.c.text)
    matched = select(one.c.gpu_s, other.c.gpu_s).join_from(one, other, same).order_by(one.c.index)
    with transaction(database) as connection:
        for each in (ours, theirs):
            require_batch(connection, viewer, each)
        rows = connection.execute(matched).all()
    return tuple(row[0] for row in rows), tuple(row[1] for row in rows)


def _by_problem(batch_id: UUID, name: str) -> Subquery:
    device_s = job.c.drafter_device_s + job.c.base_device_s
    return (
        select(problem.c.index, problem.c.text, func.avg(device_s * worker.c.num_devices).label("gpu_s"))
        .join_from(job, problem, problem.c.id == job.c.problem_id)
        .join(worker, worker.c.id == job.c.worker_id)
        .where(job.c.batch_id == batch_id, job.c.state == JobState.SUCCEEDED, device_s > 0)
        .group_by(problem.c.id)
        .subquery(name)
    )
