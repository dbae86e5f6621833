"""What process reward models say of a batch's steps: their scores come from outside, and are stored and summed up."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from pydantic import Field

from api.answers.tags import Tag
from api.deployment import Store
from api.door.access import READ, SUBMIT, Viewer
from api.requests.counted import JUDGEMENT
from specreason.evaluation.rewards.values import BatchRewards
from specreason.store.trace.rewards import Reward, StoredRewards, write_rewards
from specreason.validation import ClosedModel

router = APIRouter(prefix="/api")

MOST_REWARDS = 5000
Score = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class GivenReward(ClosedModel):
    """The score of a step, that its kept text is right, and of the draft that was rejected there, if it was scored."""

    job_id: UUID
    step_index: Annotated[int, Field(ge=0, lt=2**31)]
    score: Score
    draft_score: Score | None = None


class GivenRewards(ClosedModel):
    """Scores of one process reward model, `prm`, at one `revision`: the commit of its files, or a hash."""

    prm: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[\x20-\x7e]+$")]
    revision: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[\x20-\x7e]+$")]
    replace: Annotated[bool, Field(description="Replace other scores of this model for the same steps.")] = (
        False
    )
    rewards: Annotated[tuple[GivenReward, ...], Field(fail_fast=True, min_length=1, max_length=MOST_REWARDS)]


@router.post(
    "/batches/{batch_id}/rewards",
    tags=[Tag.RESULTS],
    summary="Store rewards of steps",
    dependencies=[SUBMIT],
)
def store_rewards(store: Store, viewer: Viewer, batch_id: UUID, given: GivenRewards) -> StoredRewards:
    """Store what a process reward model says of steps of the batch, all or none. The same again changes nothing.

    Another score for the same step, model and revision is refused, unless `replace`.
    """
    rewards = [
        Reward(
            job_id=each.job_id,
            step_index=each.step_index,
            score=each.score,
            draft_score=each.draft_score,
        )
        for each in given.rewards
    ]
    return write_rewards(
        store,
        viewer,
        batch_id,
        rewards,
        prm=given.prm,
        revision=given.revision,
        replace=given.replace,
    )


@router.get(
    "/batches/{batch_id}/rewards",
    tags=[Tag.RESULTS],
    summary="Sum up the rewards of a batch",
    dependencies=[READ, JUDGEMENT],
)
def get_rewards(store: Store, viewer: Viewer, batch_id: UUID) -> BatchRewards:
    """Each process reward model's mean score by decision, and how far the base's utility scores agree with it.

    The server needs the extra `analysis`. The rewards themselves are rows of the table `reward`.
    """
    from specreason.store.analysis.rewards import read_rewards

    return read_rewards(store, viewer, batch_id)
