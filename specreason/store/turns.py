"""Fairness between batches: each queued job has a turn, and among jobs of one priority the smallest turn goes first.

A batch that is submitted while others wait starts at the turn that is being served and counts up from there, one
turn a job. So ten jobs behind fifty thousand take every other place at once, and wait for none of the rest: start-time
fair queueing, with one index as its whole data structure.
"""

from __future__ import annotations

from sqlalchemy import func, select

from specreason.store.schema import job
from specreason.store.session import Connection
from specreason.store.states import JobState


def serving_turn(connection: Connection, pair: str, priority: int) -> int:
    """The turn that newcomers start from: that of the last job announced, else of the next one to be."""
    waiting = (
        (job.c.pair == pair) & (job.c.priority == priority) & (job.c.state == JobState.QUEUED) & ~job.c.paused
    )
    announced = select(func.max(job.c.turn)).where(waiting, job.c.published_at.is_not(None))
    # A job that was queued again keeps its turn, which may be long past.
    new = waiting & (job.c.num_attempts == 0)
    following = select(job.c.turn).where(new).order_by(job.c.turn, job.c.id).limit(1)
    turn = connection.scalar(announced)
    if turn is None:
        turn = connection.scalar(following)
    return turn or 0
