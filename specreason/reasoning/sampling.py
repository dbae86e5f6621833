"""How each model of a run draws its tokens: by the run's knobs, else as the model's own generation_config.json says.

A knob without `drafter_` goes for both models, unless the drafter's own knob says otherwise. Where neither is given,
each model has its own default. Temperature and top_p are always given: RunConfig has defaults of its own for them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from specreason.config import RunConfig
from specreason.engines.base import Role, Sampling
from specreason.engines.models.generation import GenerationDefaults

# The knobs whose defaults are the models' own.
KNOBS_OF_THE_MODELS = ("top_k", "min_p")

_Number = TypeVar("_Number", int, float)


def sampling_of(config: RunConfig, defaults: Mapping[Role, GenerationDefaults]) -> dict[Role, Sampling]:
    """How each role samples, on models with these defaults."""
    base, drafter = defaults[Role.BASE], defaults[Role.DRAFTER]
    return {
        Role.BASE: Sampling(
            temperature=config.temperature,
            top_p=config.top_p,
            top_k=_first(config.top_k, base.top_k),
            min_p=_first(config.min_p, base.min_p),
        ),
        Role.DRAFTER: Sampling(
            temperature=_first(config.drafter_temperature, config.temperature),
            top_p=_first(config.drafter_top_p, config.top_p),
            top_k=_first(config.drafter_top_k, config.top_k, drafter.top_k),
            min_p=_first(config.drafter_min_p, config.min_p, drafter.min_p),
        ),
    }


def with_defaults(config: RunConfig, defaults: Mapping[Role, GenerationDefaults | None]) -> RunConfig:
    """`config` with the models' defaults filled in as far as they are known; None stands for one that is not.

    What is filled in never changes what `sampling_of` returns. So the base's default stays out where the drafter's is
    not known: it would go for the drafter, too.
    """
    base, drafter = defaults[Role.BASE], defaults[Role.DRAFTER]
    filled: dict[str, float] = {}
    for knob in KNOBS_OF_THE_MODELS:
        if getattr(config, knob) is not None:
            continue
        of_drafter = f"drafter_{knob}"
        is_settled = getattr(config, of_drafter) is not None
        if drafter is not None and not is_settled:
            filled[of_drafter] = getattr(drafter, knob)
            is_settled = True
        if base is not None and is_settled:
            filled[knob] = getattr(base, knob)
    return config.model_copy(update=filled)


def _first(*values: _Number | None) -> _Number:
    """The first one that is given."""
    return next(value for value in values if value is not None)
