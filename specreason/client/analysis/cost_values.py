"""Values that the API returns for costs and estimates. Seconds are device time: see `specreason.evaluation.cost`.

Words such as a likeness are plain strings, because a newer server may use others.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from specreason.evaluation.comparison.values import Knob
from specreason.evaluation.cost import Cost, CostRatio
from specreason.evaluation.estimate import Expected


@dataclass(frozen=True, slots=True, kw_only=True)
class CostBeside:
    """The cost of another batch, the ratio, and the knobs that may be a reason for it beside the scheme."""

    batch_id: UUID
    name: str
    scheme: str
    mean_concurrency: float | None
    cost: Cost | None
    ratio: CostRatio | None
    unlike: tuple[Knob, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchCost:
    """The cost of a batch, None where it is not known, and that of the base alone or of a named batch beside it."""

    batch_id: UUID
    mean_concurrency: float | None
    cost: Cost | None
    beside: CostBeside | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What `num_jobs` jobs will take, from `num_past_jobs` jobs that have run; without these, no figures.

    `likeness` of the past jobs' configuration: "same", "similar", or "other", which is of the same scheme only.
    `are_cut` if their batches have others that run or were stopped, which are the longer ones. Neither of these two nor
    a few problems bound what is to come.
    `device_s` keeps one pair busy; `wall_s` is it spread over `num_workers` workers. All at `concurrency` jobs in
    flight on each.
    """

    num_jobs: int
    num_past_jobs: int
    num_past_problems: int
    likeness: str | None
    are_cut: bool
    concurrency: float | None
    num_workers: int
    latency_s: float | None
    device_s_per_job: Expected | None
    device_s: Expected | None
    wall_s: Expected | None
    gpu_hours: Expected | None
    price: Expected | None
