"""The right trace of every job, computed without a queue, beside the one that the workers stored."""

from __future__ import annotations

import asyncio
from uuid import UUID

from sqlalchemy import text

from specreason.config import RunConfig
from specreason.reasoning.steps import StepRecord
from specreason.store.session import Database, transaction
from specreason.store.trace.writer import read_steps
from tests.chaos.deployment.scripted_pair import make_pair
from tests.support.workers.undisturbed import undisturbed

JOBS = text(
    """
    SELECT job.id, job.seed, job.repeat, problem.text, batch.config
    FROM job JOIN problem ON problem.id = job.problem_id JOIN batch ON batch.id = job.batch_id
    WHERE job.state = 'succeeded'
    ORDER BY job.id
    """
)


def diverged(database: Database) -> list[UUID]:
    """Jobs whose stored steps are not those of an undisturbed run."""
    return asyncio.run(_diverged(database))


async def _diverged(database: Database) -> list[UUID]:
    pair = make_pair(speed=0)
    with transaction(database) as connection:
        jobs = connection.execute(JOBS).all()
    return [
        job.id
        for job in jobs
        if _shape(read_steps(database, job.id))
        != _shape(
            await undisturbed(
                pair, job.text, RunConfig.model_validate(job.config), seed=job.seed, repeat=job.repeat
            )
        )
    ]


def _shape(steps: tuple[StepRecord, ...]) -> list[tuple[object, ...]]:
    """A step without its times."""
    return [(step.index, step.phase, step.decision, step.kept_ids, step.num_spent_tokens) for step in steps]
