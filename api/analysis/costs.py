"""What a batch cost, beside the base alone, and what a submission would cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import ValidationError

from api.answers.tags import Tag
from api.deployment import Pairs, Store, deployment_of
from api.door.access import READ, Viewer
from specreason.config import RunConfig
from specreason.evaluation.cost import Cost, CostRatio, cost_of, cost_ratio
from specreason.evaluation.estimate import Estimate, estimate
from specreason.pairs import PairConfig, get_pair
from specreason.reasoning.schemes import stored_config
from specreason.store.analysis.costs import base_only_batch, gpu_seconds
from specreason.store.analysis.past_jobs import past_jobs
from specreason.store.queue.workers import num_live_workers
from specreason.store.read.summaries import BatchSummary, read_batch
from specreason.submission.form import parse_json
from specreason.validation import first_invalid_field

router = APIRouter(prefix="/api")

Price = Annotated[
    float | None,
    Query(ge=0, allow_inf_nan=False, description="Of one GPU-hour. Default: SPECREASON_GPU_HOUR_PRICE."),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class CostBeside:
    """Another batch's cost, and the ratio over the problems of both; null where there are none or it is not known."""

    batch_id: UUID
    name: str
    scheme: str
    mean_concurrency: float | None
    cost: Cost | None
    ratio: CostRatio | None


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
    request: Request,
    store: Store,
    viewer: Viewer,
    batch_id: UUID,
    *,
    against: Annotated[UUID | None, Query(description="The batch to set beside it.")] = None,
    price: Price = None,
) -> BatchCost:
    """Device time per job and per right answer, by model, prefill and decoding apart, and its price."""
    price = _price(request, price)
    batch = read_batch(store, viewer, batch_id)
    other = against if against is not None else base_only_batch(store, viewer, batch_id)
    beside = None
    if other is not None:
        of_other = read_batch(store, viewer, other)
        beside = CostBeside(
            batch_id=other,
            name=of_other.name,
            scheme=of_other.scheme,
            mean_concurrency=of_other.mean_concurrency,
            cost=_cost(of_other, price),
            ratio=cost_ratio(*gpu_seconds(store, viewer, batch_id, other)),
        )
    return BatchCost(
        batch_id=batch_id,
        mean_concurrency=batch.mean_concurrency,
        cost=_cost(batch, price),
        beside=beside,
    )


@router.get("/estimate", tags=[Tag.SUBMISSIONS], summary="Estimate a submission", dependencies=[READ])
def get_estimate(
    request: Request,
    store: Store,
    viewer: Viewer,
    pairs: Pairs,
    *,
    pair: str = "demo",
    num_problems: Annotated[int, Query(ge=1, le=1_000_000_000)] = 1,
    config: Annotated[str, Query(max_length=10_000, description="A run configuration, as JSON.")] = "{}",
    price: Price = None,
) -> Estimate:
    """Time and cost of so many problems, from the newest jobs of the same pair and scheme that you may see.

    Nothing is stored. Without such jobs `num_past_jobs` is 0 and there are no figures.
    """
    asked = _config(config, pair, pairs)
    how, past = past_jobs(store, viewer, pair, asked.model_dump(mode="json"))
    return estimate(
        past,
        how,
        num_problems=num_problems,
        repeats=asked.repeats,
        num_workers=num_live_workers(store, pair),
        gpu_hour_price=_price(request, price),
    )


def _price(request: Request, given: float | None) -> float | None:
    return given if given is not None else deployment_of(request).settings.gpu_hour_price


def _cost(batch: BatchSummary, price: float | None) -> Cost | None:
    all_graded = not batch.num_ungraded
    return cost_of(
        batch,
        num_jobs=batch.num_metered,
        num_right=batch.num_correct if all_graded else None,
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
