"""The sizes of weights in pairs.toml are those of the models' shapes, and what a pair needs follows from them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from specreason.cli.checks.memory import ENGINE_BYTES, known_weights, needed_on_the_cpu, needed_per_gpu
from specreason.engines.hub import GIB, weights_bytes
from specreason.pairs import ModelConfig, PairConfig, SpeculationConfig, load_pairs

PAIRS = load_pairs()
HUB_MODELS = {
    model.model: model
    for name, pair in PAIRS.items()
    if not name.startswith("demo")
    for model in (pair.base, pair.drafter)
}


@dataclass(frozen=True, kw_only=True)
class Shape:
    """A transformer as its config.json gives it. Norms and biases are too small to matter."""

    width: int
    inner: int
    layers: int
    heads: int
    kv_heads: int
    vocabulary: int
    head: int = 128

    @property
    def parameters(self) -> int:
        """With embedding and output matrix apart, as the files hold them also where they are equal."""
        attention = self.width * self.head * (2 * self.heads + 2 * self.kv_heads)
        return self.layers * (attention + 3 * self.width * self.inner) + 2 * self.vocabulary * self.width


QWEN_32B = Shape(width=5120, inner=27648, layers=64, heads=40, kv_heads=8, vocabulary=152064)
QWEN_1_5B = Shape(width=1536, inner=8960, layers=28, heads=12, kv_heads=2, vocabulary=151936)
SHAPES = {
    "Qwen/Qwen3-1.7B": Shape(width=2048, inner=6144, layers=28, heads=16, kv_heads=8, vocabulary=151936),
    "Qwen/Qwen3-0.6B": Shape(width=1024, inner=3072, layers=28, heads=16, kv_heads=8, vocabulary=151936),
    "Qwen/QwQ-32B": QWEN_32B,
    "Skywork/Skywork-OR1-32B-Preview": QWEN_32B,
    "deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B": QWEN_1_5B,
    "Zyphra/ZR1-1.5B": QWEN_1_5B,
    "deepseek-ai/DeepSeek-R1-Distill-Llama-70B": Shape(
        width=8192, inner=28672, layers=80, heads=64, kv_heads=8, vocabulary=128256
    ),
}


@pytest.mark.parametrize("name", HUB_MODELS)
def test_the_size_of_a_hub_models_weights_is_that_of_its_shape_in_its_type(name: str) -> None:
    model = HUB_MODELS[name]
    assert model.dtype == "bfloat16"
    assert model.weights_gib == pytest.approx(2 * SHAPES[name].parameters / GIB, rel=0.005)
    assert known_weights(model) == pytest.approx(2 * SHAPES[name].parameters, rel=0.005)


def test_the_size_of_a_local_model_is_that_of_its_files() -> None:
    base = PAIRS["demo"].base
    assert known_weights(base) == weights_bytes(Path(base.model)) > 1 << 20


def test_what_a_pair_needs_is_weights_caches_and_two_processes() -> None:
    pair = PAIRS["qwq-32b_r1-1_5b"]
    weights, caches = (61.03 + 3.31) * GIB, (6 + 1) * GIB
    assert needed_on_the_cpu(pair) == pytest.approx(weights + 2 * caches + 2 * ENGINE_BYTES, rel=0.001)
    assert needed_per_gpu(pair) == pytest.approx(weights / 2 + caches, rel=0.001)


def test_token_level_speculation_loads_the_drafter_twice() -> None:
    pair = PAIRS["qwen3-1_7b_0_6b"]
    speculating = pair.model_copy(update={"speculation": SpeculationConfig()})
    for needed in (needed_on_the_cpu, needed_per_gpu):
        more = (needed(speculating) or 0) - (needed(pair) or 0)
        assert more == pytest.approx(1.4 * GIB, rel=0.001)


def test_a_model_of_no_known_size_makes_the_need_unknown() -> None:
    nowhere = ModelConfig(model="/nowhere", max_model_len=512, kv_cache_memory_bytes=1 << 20)
    pair = PairConfig(base=nowhere, drafter=PAIRS["demo"].drafter)
    assert needed_on_the_cpu(pair) is None
    assert needed_per_gpu(pair) is None
