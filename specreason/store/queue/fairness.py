"""Fairness between batches: each queued job has a turn, and among jobs of one priority the smallest turn goes first.

This is start-time fair queueing, with one index as its whole data structure. A queue has a virtual clock: the largest
turn that was ever announced. The jobs of a new batch get turns from the clock on, one turn a job. So ten jobs that
arrive behind fifty thousand take every other place from then on, and do not wait for the rest.

A job that was given back or lost keeps its turn, which the clock has passed, so that it runs soon. Jobs that a user
queues again or resumes restart at the clock like new ones. So do jobs that failed and are tried again: a fault may
fail a whole batch, which must not go before all jobs that arrived meanwhile.
"""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from specreason.store.session import Connection
from specreason.store.tables.columns import one_of_ids
from specreason.store.tables.queue import job, retry_turn, turn_clock


def start_turn(connection: Connection, pair: str, priority: int) -> int:
    """The first turn of a new batch: the time on the clock."""
    here = (turn_clock.c.pair == pair) & (turn_clock.c.priority == priority)
    turn: int | None = connection.scalar(select(turn_clock.c.turn).where(here))
    return turn or 0


def advance_clock(connection: Connection, job_ids: Collection[UUID]) -> None:
    """Move the clock to the turns of these announced jobs: later batches start behind them."""
    latest = (
        select(job.c.pair, job.c.priority, func.max(job.c.turn))
        .where(one_of_ids(job.c.id, job_ids))
        .group_by(job.c.pair, job.c.priority)
    )
    moved = insert(turn_clock).from_select(["pair", "priority", "turn"], latest)
    connection.execute(
        moved.on_conflict_do_update(
            index_elements=[turn_clock.c.pair, turn_clock.c.priority],
            set_={"turn": func.greatest(turn_clock.c.turn, moved.excluded.turn)},
        )
    )


def restart_at_clock(connection: Connection, job_ids: Collection[UUID]) -> None:
    """Give locked jobs turns from the clock on, in their present order."""
    before = func.row_number().over(
        partition_by=(job.c.pair, job.c.priority), order_by=(job.c.turn, job.c.id)
    )
    here = (turn_clock.c.pair == job.c.pair) & (turn_clock.c.priority == job.c.priority)
    restarted = (
        select(job.c.id, (func.coalesce(turn_clock.c.turn, 0) + before - 1).label("turn"))
        .select_from(job.outerjoin(turn_clock, here))
        .where(one_of_ids(job.c.id, job_ids))
        .subquery()
    )
    connection.execute(update(job).where(job.c.id == restarted.c.id).values(turn=restarted.c.turn))


def forget_retries(connection: Connection, batch_id: UUID) -> None:
    """Forget the turn of the batch's last retry, which does not count on the clock of another priority."""
    connection.execute(delete(retry_turn).where(retry_turn.c.batch_id == batch_id))


def restart_after_failure(connection: Connection, job_id: UUID) -> None:
    """Give a locked, failed job a turn from the clock on, behind the jobs of its batch that failed before it."""
    this = connection.execute(
        select(job.c.batch_id, job.c.pair, job.c.priority).where(job.c.id == job_id)
    ).one()
    clock = start_turn(connection, this.pair, this.priority)
    first = insert(retry_turn).values(batch_id=this.batch_id, turn=clock)
    turn = connection.scalar(
        first.on_conflict_do_update(
            index_elements=[retry_turn.c.batch_id], set_={"turn": func.greatest(retry_turn.c.turn + 1, clock)}
        ).returning(retry_turn.c.turn)
    )
    connection.execute(update(job).where(job.c.id == job_id).values(turn=turn))
