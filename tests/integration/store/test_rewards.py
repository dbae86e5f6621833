"""What process reward models say of steps: stored once, refused where it contradicts, and gone with the steps."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from specreason.errors import InvalidField, NotFound
from specreason.store.access.visibility import Viewer
from specreason.store.analysis.rewards import read_rewards
from specreason.store.session import Database, transaction
from specreason.store.trace.rewards import Reward, StoredRewards, write_rewards
from tests.support.messages import naming
from tests.support.store.builders import job_ids
from tests.support.store.judged_batches import judged_batch
from tests.support.store.sql import execute, rows_of, scalar

PRM, REVISION = "org/prm", "abc"


@pytest.fixture
def batch_id(database: Database) -> UUID:
    """Three jobs whose step 1 is a draft that was rejected."""
    return judged_batch(database)


def write(
    database: Database, batch_id: UUID, *rewards: Reward, prm: str = PRM, replace: bool = False
) -> StoredRewards:
    return write_rewards(
        database, Viewer.EVERYONE, batch_id, rewards, prm=prm, revision=REVISION, replace=replace
    )


def stored(database: Database) -> list[tuple[int, float, float | None]]:
    rows = rows_of(
        database, "SELECT step_index, score, draft_score FROM step_reward ORDER BY job_id, step_index"
    )
    return [tuple(row) for row in rows]  # type: ignore[misc]


def counts(found: StoredRewards) -> tuple[int, int, int]:
    return found.num_new, found.num_changed, found.num_same


def test_the_same_again_changes_nothing_and_another_model_scores_beside_it(
    database: Database, batch_id: UUID
) -> None:
    job_id = job_ids(database, batch_id)[0]
    rewards = [Reward(job_id=job_id, step_index=index, score=0.25 * index) for index in (2, 0)]
    assert counts(write(database, batch_id, *rewards)) == (2, 0, 0)
    at = scalar(database, "SELECT max(created_at) FROM step_reward")
    assert counts(write(database, batch_id, *rewards)) == (0, 0, 2)
    assert scalar(database, "SELECT max(created_at) FROM step_reward") == at
    assert counts(write(database, batch_id, *rewards, prm="another")) == (2, 0, 0)
    assert stored(database) == [(0, 0.0, None), (0, 0.0, None), (2, 0.5, None), (2, 0.5, None)]


def test_another_score_is_refused_and_nothing_is_stored_unless_it_is_to_replace(
    database: Database, batch_id: UUID
) -> None:
    job_id = job_ids(database, batch_id)[0]
    write(database, batch_id, Reward(job_id=job_id, step_index=0, score=0.5))
    news = [Reward(job_id=job_id, step_index=index, score=0.75) for index in (1, 0)]
    with pytest.raises(InvalidField, match=naming("rewards[1]", "0.5", "0.75", "`replace`")):
        write(database, batch_id, *news)
    assert stored(database) == [(0, 0.5, None)]
    assert counts(write(database, batch_id, *news, replace=True)) == (1, 1, 0)
    assert stored(database) == [(0, 0.75, None), (1, 0.75, None)]


def test_two_scores_that_differ_in_the_last_digits_are_told_apart(database: Database, batch_id: UUID) -> None:
    job_id = job_ids(database, batch_id)[0]
    write(database, batch_id, Reward(job_id=job_id, step_index=0, score=0.5))
    with pytest.raises(InvalidField, match=naming("0.5 for", "0.5000000001")):
        write(database, batch_id, Reward(job_id=job_id, step_index=0, score=0.5000000001))


def test_a_draft_that_is_scored_later_is_added_and_stays_when_the_step_comes_without_it(
    database: Database, batch_id: UUID
) -> None:
    job_id = job_ids(database, batch_id)[0]
    alone, both = (Reward(job_id=job_id, step_index=1, score=0.5, draft_score=d) for d in (None, 0.125))
    assert counts(write(database, batch_id, alone)) == (1, 0, 0)
    assert counts(write(database, batch_id, both)) == (0, 1, 0)
    assert counts(write(database, batch_id, alone)) == (0, 0, 1)
    assert stored(database) == [(1, 0.5, 0.125)]
    with pytest.raises(InvalidField, match=naming("0.125", "0.25")):
        write(database, batch_id, Reward(job_id=job_id, step_index=1, score=0.5, draft_score=0.25))


def test_a_step_that_the_batch_does_not_have_is_refused_by_its_place(
    database: Database, batch_id: UUID
) -> None:
    job_id, other = job_ids(database, batch_id)[0], job_ids(database, judged_batch(database, ["21"]))[0]
    good = Reward(job_id=job_id, step_index=0, score=0.5)
    for bad in (
        Reward(job_id=job_id, step_index=6, score=0.5),
        Reward(job_id=other, step_index=0, score=0.5),
        Reward(job_id=uuid4(), step_index=0, score=0.5),
    ):
        with pytest.raises(InvalidField, match=naming("rewards[1]", str(bad.job_id))):
            write(database, batch_id, good, bad)
    with pytest.raises(InvalidField, match=naming("rewards[1]", "twice")):
        write(database, batch_id, good, good)
    kept = Reward(job_id=job_id, step_index=0, score=0.5, draft_score=0.5)
    with pytest.raises(InvalidField, match=naming("rewards[0].draft_score", "rejected")):
        write(database, batch_id, kept)
    with pytest.raises(NotFound):
        write(database, uuid4(), good)
    assert stored(database) == []


def test_rewards_stay_when_texts_are_deleted_and_go_with_the_batch(
    database: Database, batch_id: UUID
) -> None:
    write(database, batch_id, Reward(job_id=job_ids(database, batch_id)[0], step_index=0, score=0.5))
    execute(database, "DELETE FROM step_payload")
    assert len(stored(database)) == 1
    execute(database, f"DELETE FROM batch WHERE id = '{batch_id}'")
    assert stored(database) == []


def test_two_writers_of_the_same_steps_at_once_store_each_once(database: Database, batch_id: UUID) -> None:
    rewards = [
        Reward(job_id=job_id, step_index=index, score=0.5)
        for job_id in job_ids(database, batch_id)
        for index in range(5)
    ]
    with ThreadPoolExecutor(2) as pool:
        there, back = (pool.submit(write, database, batch_id, *order) for order in (rewards, rewards[::-1]))
        found = [there.result(), back.result()]
    assert sum(each.num_new for each in found) == 15
    assert sum(each.num_same for each in found) == 15


def test_a_score_is_compared_with_the_digit_of_the_draft_that_it_is_of(
    database: Database, batch_id: UUID
) -> None:
    """The model agrees with the base about every draft; of the texts that the base wrote it thinks the opposite."""
    rewards = [
        Reward(
            job_id=job_id,
            step_index=index,
            score=0.9,
            draft_score=0.1 if index == 1 else None,
        )
        for job_id in job_ids(database, batch_id)
        for index in range(5)
    ]
    write(database, batch_id, *rewards)
    found = read_rewards(database, Viewer.EVERYONE, batch_id)
    assert (found.num_thinking, found.share_read) == (15, 1.0)
    (model,) = found.models
    assert (model.prm, model.num_steps, model.num_jobs, model.num_compared) == (PRM, 15, 3, 15)
    assert model.rho is not None
    assert model.rho.mean == pytest.approx(1)
    by_decision = {each.decision: each for each in model.by_decision}
    assert {name: each.num_steps for name, each in by_decision.items()} == {"accepted": 12, "rejected": 3}
    assert by_decision["rejected"].mean.mean == pytest.approx(0.9)
    assert by_decision["rejected"].draft_mean is not None
    assert by_decision["rejected"].draft_mean.mean == pytest.approx(0.1)
    judged = (
        "SELECT decision, utility_score, judged_score FROM step_reward_detail GROUP BY 1, 2, 3 ORDER BY 1"
    )
    assert [tuple(row) for row in rows_of(database, judged)] == [("accepted", 8, 0.9), ("rejected", 3, 0.1)]


def test_batches_of_an_evaluation_are_found_by_their_index(database: Database) -> None:
    """Also where the planner would rather read the few rows that a test has."""
    with transaction(database) as connection:
        connection.execute(text("SET LOCAL enable_seqscan = off"))
        asked = "EXPLAIN SELECT id FROM batch WHERE metadata ->> 'eval' = 'x' ORDER BY id"
        plan = connection.scalars(text(asked)).all()
    assert any("ix_batch_eval" in line for line in plan)
