"""A grid: the same problems under every combination of schemes and thresholds."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from specreason.config import RunConfig, SchemeName
from specreason.validation import ClosedModel

MOST_BATCHES = 64

Threshold = Annotated[float, Field(ge=0, le=9)]


class Grid(ClosedModel):
    """The values to combine. An omitted list means the configuration's own value."""

    scheme: (
        Annotated[tuple[SchemeName, ...], Field(fail_fast=True, min_length=1, max_length=MOST_BATCHES)] | None
    ) = None
    threshold: (
        Annotated[tuple[Threshold, ...], Field(fail_fast=True, min_length=1, max_length=MOST_BATCHES)] | None
    ) = None


def configurations(config: RunConfig, grid: Grid | None) -> tuple[RunConfig, ...]:
    """The configuration of each batch: `config` itself without a grid, else each combination once.

    A scheme that scores no drafts appears once, whatever the thresholds.
    """
    if grid is None:
        return (config,)
    combinations: dict[RunConfig, None] = {}
    for scheme in grid.scheme or (config.scheme,):
        for threshold in (grid.threshold or (config.threshold,)) if scheme.drafts_steps else (None,):
            combinations[config.model_copy(update={"scheme": scheme, "threshold": threshold})] = None
    return tuple(combinations)


def name_of(name: str, config: RunConfig) -> str:
    """The name of one batch of a grid: the common name, then the scheme and the threshold, as a user types them."""
    has_threshold = config.scheme.drafts_steps and config.threshold is not None
    threshold = f" threshold={config.threshold:g}" if has_threshold else ""
    return f"{name} {config.scheme}{threshold}".strip()
