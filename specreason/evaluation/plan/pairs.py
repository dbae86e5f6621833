"""Which pair runs a scheme: token-level speculation needs the same models with a base whose engine drafts tokens."""

from __future__ import annotations

from collections.abc import Mapping

from specreason.config import SchemeName
from specreason.pairs import ModelConfig, PairConfig

# The engine's arguments that change the numbers a model computes with.
OF_THE_NUMBERS = ("quantization", "kv_cache_dtype")


def pair_of(scheme: SchemeName, named: str, pairs: Mapping[str, PairConfig]) -> str | None:
    """The pair for `scheme`: the one that the user named, else one of the same models on the same cards.

    None if there is none. `named` is in `pairs`.
    """
    like = pairs[named]
    if _fits(scheme, like):
        return named
    partners = [
        name
        for name, pair in pairs.items()
        if _fits(scheme, pair) and _models(pair) == _models(like) and pair.cards == like.cards
    ]
    return min(partners, key=lambda name: (not _are_kin(name, named), name), default=None)


def _fits(scheme: SchemeName, pair: PairConfig) -> bool:
    return scheme.fits(base_speculates=pair.speculation is not None)


def _models(pair: PairConfig) -> tuple[object, ...]:
    """What decides which texts a pair writes."""
    return (*map(_model, (pair.base, pair.drafter)), pair.prompt, pair.judge_suffix)


def _model(model: ModelConfig) -> tuple[object, ...]:
    numbers = (model.dtype, model.head_dtype, *(model.engine_args.get(name) for name in OF_THE_NUMBERS))
    return (model.model, model.revision, model.chat_template, *numbers)


def _are_kin(name: str, other: str) -> bool:
    return name.startswith(other) or other.startswith(name)
