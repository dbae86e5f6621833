"""What a batch cost, beside the base alone, and what a submission would cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import ValidationError

from api.analysis.prices import GpuHourPrice
from api.answers.tags import Tag
from api.deployment import Pairs, Store
from api.door.access import READ, Viewer
from specreason.config import RunConfig
from specreason.evaluation.comparison.values import Knob
from specreason.evaluation.cost import Cost, CostRatio, cost_of_batch
from specreason.evaluation.estimate import Estimate, estimate
from specreason.pairs import PairConfig, get_pair
from specreason.reasoning.schemes import stored_config
from specreason.store.analysis.costs import base_only_batch, cost_beside
from specreason.store.analysis.past_jobs import past_jobs
from specreason.store.queue.workers import num_live_workers
from specreason.store.read.summaries import read_batch
from specreason.submission.form import parse_json
from specreason.validation import first_invalid_field

router = APIRouter(prefix="/api")


@dataclass(frozen=True, slots=True, kw_only=True)
class CostBeside:
    """Another batch's cost, and the ratio over the jobs that succeeded in both, as in a comparison; null if not known.

    `unlike` are knobs with other values that may be a reason for it beside the scheme.
    """

    batch_id: UUID
    name: str
    scheme: str
    mean_concurrency: float | None
    cost: Cost | None
    ratio: CostRatio | None
    unlike: tuple[Knob, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchCost:
    """The cost of the jobs of a batch that have ended; null where it is not known.

    `beside` is the batch that was named, or else one of the base alone over the same problems, if there is one. A
    ratio compares schemes only at about the same `mean_concurrency`: many jobs in flight share their devices better.
    """

    batch_id: UUID
    mean_concurrency: float | None
    cost: Cost | None
    beside: CostBeside | None


@router.get(
    "/batches/{batch_id}/cost", tags=[Tag.RESULTS], summary="Get the cost of a batch", dependencies=[READ]
)
def get_cost(
    store: Store,
    viewer: Viewer,
    batch_id: UUID,
    *,
    against: Annotated[UUID | None, Query(description="The batch to set beside it.")] = None,
    price: GpuHourPrice,
) -> BatchCost:
    """Device time per job and per right answer, by model, prefill and decoding apart, and its price."""
    batch = read_batch(store, viewer, batch_id)
    other = against if against is not None else base_only_batch(store, viewer, batch_id)
    beside = None
    if other is not None:
        of_other = read_batch(store, viewer, other)
        ratio, unlike = cost_beside(store, viewer, batch_id, other)
        beside = CostBeside(
            batch_id=other,
            name=of_other.name,
            scheme=of_other.scheme,
            mean_concurrency=of_other.mean_concurrency,
            cost=cost_of_batch(of_other, price),
            ratio=ratio,
            unlike=unlike,
        )
    return BatchCost(
        batch_id=batch_id,
        mean_concurrency=batch.mean_concurrency,
        cost=cost_of_batch(batch, price),
        beside=beside,
    )


@router.get("/estimate", tags=[Tag.SUBMISSIONS], summary="Estimate a submission", dependencies=[READ])
def get_estimate(
    store: Store,
    viewer: Viewer,
    pairs: Pairs,
    *,
    pair: str = "demo",
    num_problems: Annotated[int, Query(ge=1, le=1_000_000_000)] = 1,
    config: Annotated[str, Query(max_length=10_000, description="A run configuration, as JSON.")] = "{}",
    price: GpuHourPrice,
) -> Estimate:
    """Time and cost of so many problems, from the newest jobs of the same pair and scheme that you may see.

    Nothing is stored. Without such jobs `num_past_jobs` is 0 and there are no figures.
    """
    asked = _config(config, pair, pairs)
    return estimate(
        past_jobs(store, viewer, pair, asked.model_dump(mode="json")),
        num_problems=num_problems,
        repeats=asked.repeats,
        num_workers=num_live_workers(store, pair),
        gpu_hour_price=price,
    )


def _config(given: str, pair: str, pairs: Mapping[str, PairConfig]) -> RunConfig:
    """The configuration as it would be stored. Raises InvalidField."""
    of_pair = get_pair(pairs, pair)
    try:
        config = RunConfig.model_validate(parse_json(given.encode(), "config"))
    except ValidationError as error:
        raise first_invalid_field(error, prefix="config.") from error
    return stored_config(config, pair, of_pair)
