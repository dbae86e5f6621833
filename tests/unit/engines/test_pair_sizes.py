"""The sizes of weights in pairs.toml are those of the models' shapes, and what a pair needs follows from them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from specreason.cli.checks.memory import needed_on_the_cpu
from specreason.engines.models.hub import known_weights, weights_bytes
from specreason.pairs import ModelConfig, PairConfig, SpeculationConfig, load_pairs
from specreason.planning.needs import GIB, PROCESS_GIB
from specreason.planning.shapes import known_shape
from tests.support.planning import with_models

PAIRS = load_pairs()
CPU = "qwen3-1_7b_0_6b"
HUB_MODELS = {
    model.model: model
    for name, pair in PAIRS.items()
    if not name.startswith("demo")
    for model in (pair.base, pair.drafter)
}


@pytest.mark.parametrize("name", HUB_MODELS)
def test_the_size_of_a_hub_models_weights_is_that_of_its_shape_in_its_type(name: str) -> None:
    """Files hold the head also where it is tied to the embeddings."""
    model, shape = HUB_MODELS[name], known_shape(name)
    assert shape is not None
    assert model.dtype == "bfloat16"
    assert known_weights(model) == pytest.approx(
        replace(shape, tied_embeddings=False).weights_in_bytes(), rel=0.005
    )


def test_the_size_of_a_local_model_is_that_of_its_files() -> None:
    base = PAIRS["demo"].base
    assert known_weights(base) == weights_bytes(Path(base.model)) > 1 << 20


def test_what_a_pair_with_named_caches_needs_is_weights_caches_and_two_processes() -> None:
    pair = PAIRS[CPU]
    expected = (3.78 + 1.40 + 2 + 2 + 2 * PROCESS_GIB) * GIB
    assert needed_on_the_cpu(pair) == pytest.approx(expected, rel=0.001)


def test_what_a_pair_with_planned_caches_needs_is_one_context_in_them() -> None:
    pair = PAIRS[CPU]
    auto = {"kv_cache_memory_bytes": "auto"}
    planned = with_models(pair, base=auto, drafter=auto)
    caches = 10_240 * 2 * 112 * 1024
    assert needed_on_the_cpu(planned) == pytest.approx(
        (3.20 + 1.11 + 2 * PROCESS_GIB) * GIB + caches, rel=0.002
    )


def test_token_level_speculation_loads_the_drafter_twice() -> None:
    pair = PAIRS[CPU]
    speculating = pair.model_copy(update={"speculation": SpeculationConfig()})
    more = (needed_on_the_cpu(speculating) or 0) - (needed_on_the_cpu(pair) or 0)
    assert more == pytest.approx(1.4 * GIB, rel=0.001)


def test_a_model_of_no_known_size_makes_the_need_unknown() -> None:
    nowhere = ModelConfig(model="/nowhere", max_model_len=512, kv_cache_memory_bytes=1 << 20)
    pair = PairConfig(base=nowhere, drafter=PAIRS["demo"].drafter)
    assert needed_on_the_cpu(pair) is None
