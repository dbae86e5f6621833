"""Reads the rewards of a batch as arrays, by the model that gave them; of a very large batch only a part."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text

from specreason.evaluation.rewards.summary import DECISIONS, ScoredSteps, summarize
from specreason.evaluation.rewards.values import BatchRewards
from specreason.store.access.visibility import Viewer, require_batch
from specreason.store.analysis.judge.columns import read_columns
from specreason.store.analysis.judge.judged import MOST_STEPS, SPREAD
from specreason.store.session import Connection, Database, transaction
from specreason.store.tables.columns import words

MOST_MODELS = 20
_OF_BATCH = """
    step_reward AS reward
    JOIN job ON job.id = reward.job_id
    JOIN problem ON problem.id = job.problem_id
"""
_MODELS = text(f"""
    SELECT reward.prm, reward.revision, count(*) AS num_steps FROM {_OF_BATCH}
    WHERE job.batch_id = :batch_id GROUP BY 1, 2 ORDER BY 1, 2 LIMIT {MOST_MODELS}
""")  # noqa: S608 -- a constant
_THINKING = text("""
    SELECT count(*) FROM job JOIN step ON step.job_id = job.id
    WHERE job.batch_id = :batch_id AND step.phase = 'think' AND step.author IS NOT NULL
""")
_COLUMNS = {
    "job": ("int8", "problem.index::int8 * 4294967296 + job.repeat"),
    "problem": ("int4", "problem.index"),
    "decision": ("int4", f"array_position(ARRAY[{words(DECISIONS)}], step.decision) - 1"),
    "score": ("float8", "reward.score"),
    "draft_score": ("float8", "coalesce(reward.draft_score, 'NaN')"),
    "digit": ("int2", "coalesce(step.utility_score, -1)"),
}


def read_rewards(database: Database, viewer: Viewer, batch_id: UUID) -> BatchRewards:
    """What each model says of the batch's steps, the first MOST_MODELS by name. Raises NotFound."""
    with transaction(database) as connection:
        require_batch(connection, viewer, batch_id)
        models = connection.execute(_MODELS, {"batch_id": batch_id}).all()
        parts = _parts(models)
        return BatchRewards(
            batch_id=batch_id,
            num_thinking=int(connection.execute(_THINKING, {"batch_id": batch_id}).scalar_one()),
            share_read=1 / parts,
            models=tuple(
                summarize(row.prm, row.revision, steps)
                for row in models
                if len((steps := _steps(connection, batch_id, row, parts)).score)
            ),
        )


def _parts(models: Sequence[Row[Any]]) -> int:
    """One problem in so many is read."""
    return max(1, math.ceil(max((row.num_steps for row in models), default=0) / MOST_STEPS))


def _steps(connection: Connection, batch_id: UUID, model: Row[Any], parts: int) -> ScoredSteps:
    source = f"""
        FROM {_OF_BATCH} JOIN step ON step.job_id = reward.job_id AND step.index = reward.step_index
        WHERE job.batch_id = %(batch_id)s AND reward.prm = %(prm)s AND reward.revision = %(revision)s AND {SPREAD}
    """
    bound = {"batch_id": batch_id, "prm": model.prm, "revision": model.revision, "parts": parts}
    return ScoredSteps(**read_columns(connection, _COLUMNS, source, bound))
