"""Stores what process reward models think of steps. Neither how they score nor which model it is is known here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select, text

from specreason.errors import InvalidField
from specreason.store.access.visibility import Viewer, require_batch
from specreason.store.session import Connection, Database, transaction
from specreason.store.tables.queue import batch


@dataclass(frozen=True, slots=True, kw_only=True)
class Reward:
    """The score of a step's kept text, 0 to 1, and that of the draft that was rejected in its favour, if it has one."""

    job_id: UUID
    step_index: int
    score: float
    draft_score: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRewards:
    """What became of rewards: `num_changed` replaced other scores, or got the score of a draft; the rest was there."""

    num_new: int
    num_changed: int
    num_same: int


_GIVEN = """
    WITH given AS (
        SELECT * FROM unnest(
            CAST(:jobs AS uuid[]), CAST(:steps AS int4[]), CAST(:scores AS float8[]), CAST(:drafts AS float8[])
        ) WITH ORDINALITY AS given (job_id, step_index, score, draft_score, place)
    )
"""
_WRONG = text(f"""
    {_GIVEN}
    SELECT given.place - 1 AS place, step.job_id IS NULL AS is_missing
    FROM given
    LEFT JOIN job ON job.id = given.job_id AND job.batch_id = :batch_id
    LEFT JOIN step ON step.job_id = job.id AND step.index = given.step_index
    WHERE step.job_id IS NULL
        OR given.draft_score IS NOT NULL AND step.decision NOT IN ('rejected', 'rejected_no_digit')
    ORDER BY given.place LIMIT 1
""")  # noqa: S608 -- a constant
# In the order of the key, so that two writers wait for each other in one direction only.
_WRITE = """
    {given}
    INSERT INTO step_reward AS stored (job_id, step_index, prm, revision, score, draft_score)
    SELECT job_id, step_index, :prm, :revision, score, draft_score FROM given ORDER BY job_id, step_index
    ON CONFLICT (job_id, step_index, prm, revision) DO UPDATE
    SET score = excluded.score, draft_score = coalesce(excluded.draft_score, stored.draft_score), created_at = now()
    WHERE {changes}
    RETURNING xmax = 0 AS is_new
"""
_ADD = text(
    _WRITE.format(
        given=_GIVEN,
        changes="stored.score = excluded.score AND stored.draft_score IS NULL AND excluded.draft_score IS NOT NULL",
    )
)
_REPLACE = text(
    _WRITE.format(
        given=_GIVEN,
        changes="stored.score <> excluded.score"
        " OR excluded.draft_score IS NOT NULL AND stored.draft_score IS DISTINCT FROM excluded.draft_score",
    )
)
_OTHERWISE = text(f"""
    {_GIVEN}
    SELECT given.place - 1 AS place, stored.score, stored.draft_score
    FROM given JOIN step_reward AS stored USING (job_id, step_index)
    WHERE stored.prm = :prm AND stored.revision = :revision
        AND (stored.score <> given.score OR stored.draft_score <> given.draft_score)
    ORDER BY given.place LIMIT 1
""")  # noqa: S608


def write_rewards(
    database: Database,
    viewer: Viewer,
    batch_id: UUID,
    rewards: Sequence[Reward],
    *,
    prm: str,
    revision: str,
    replace: bool = False,
) -> StoredRewards:
    """Store what the model says of steps of the batch; all or none. The same again changes nothing.

    Raises NotFound; InvalidField for a step that the batch does not have, or that comes twice, or has no rejected
    draft, and for one that has another score of the model, unless `replace`.
    """
    _check_once(rewards)
    bound = {
        "batch_id": batch_id,
        "jobs": [each.job_id for each in rewards],
        "steps": [each.step_index for each in rewards],
        "scores": [each.score for each in rewards],
        "drafts": [each.draft_score for each in rewards],
    }
    of_model = bound | {"prm": prm, "revision": revision}
    with transaction(database) as connection:
        require_batch(connection, viewer, batch_id)
        # Whoever deletes the batch waits.
        connection.execute(
            select(batch.c.id).where(batch.c.id == batch_id).with_for_update(read=True, key_share=True)
        )
        if wrong := connection.execute(_WRONG, bound).one_or_none():
            raise _wrong(wrong, rewards)
        written = connection.execute(_REPLACE if replace else _ADD, of_model).scalars().all()
        if not replace:
            _check_same(connection, of_model, rewards)
    num_new = sum(written)
    return StoredRewards(
        num_new=num_new,
        num_changed=len(written) - num_new,
        num_same=len(rewards) - len(written),
    )


def _check_once(rewards: Sequence[Reward]) -> None:
    seen: set[tuple[UUID, int]] = set()
    for place, each in enumerate(rewards):
        if (key := (each.job_id, each.step_index)) in seen:
            raise InvalidField(
                f"rewards[{place}]", f"step {each.step_index} of job {each.job_id} comes twice"
            )
        seen.add(key)


def _wrong(row: Row[Any], rewards: Sequence[Reward]) -> InvalidField:
    where, each = f"rewards[{row.place}]", rewards[row.place]
    if row.is_missing:
        return InvalidField(where, f"the batch has no job {each.job_id} with a step {each.step_index}")
    return InvalidField(
        f"{where}.draft_score", f"step {each.step_index} of job {each.job_id} has no draft that was rejected"
    )


def _check_same(connection: Connection, bound: dict[str, Any], rewards: Sequence[Reward]) -> None:
    """Raise InvalidField if the model has another score for one of the steps. What is written here is undone then."""
    row = connection.execute(_OTHERWISE, bound).one_or_none()
    if row is not None:
        each = rewards[row.place]
        stored, given = (
            (row.score, each.score) if row.score != each.score else (row.draft_score, each.draft_score)
        )
        raise InvalidField(
            f"rewards[{row.place}]",
            f"{bound['prm']} at {bound['revision']} has the score {stored!r} for step {each.step_index} of job"
            f" {each.job_id} already, not {given!r}; `replace`, which is `specreason prm --again`, replaces it",
        )
