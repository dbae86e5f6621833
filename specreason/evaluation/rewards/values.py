"""Values of rewards: what process reward models say of a batch's steps, and how far the base agrees with them."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from specreason.evaluation.intervals import Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRewards:
    """The steps of one decision. `mean` is that of the kept texts' scores, `draft_mean` of the rejected drafts'."""

    decision: str
    num_steps: int
    mean: Interval
    num_drafts: int
    draft_mean: Interval | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRewards:
    """One process reward model at one revision.

    `rho` is Spearman's rank correlation between its score of a draft, kept or not, and the digit that the base wrote of
    it, over `num_compared` drafts that have both, in `num_compared_problems` problems. None if either is the same for
    all.
    """

    prm: str
    revision: str
    num_steps: int
    num_jobs: int
    num_problems: int
    num_compared: int
    num_compared_problems: int
    rho: Interval | None
    says: str
    by_decision: tuple[DecisionRewards, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRewards:
    """The models that scored steps of a batch, by name. Of a very large batch a share of the problems is read."""

    batch_id: UUID
    num_thinking: int
    share_read: float
    models: tuple[ModelRewards, ...]
