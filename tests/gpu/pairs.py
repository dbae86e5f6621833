"""The pairs of the proof: real shapes with made-up weights, and a small one with logits as large as a real model's.

Nothing is fetched: vLLM makes the weights up while it loads, because the pair's `engine_args` ask for that. Where no
GPU is at hand all shapes are tiny.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from specreason.errors import DoesNotFit
from specreason.pairs import ModelConfig, PairConfig, SpeculationConfig
from specreason.planning.memory import plan_memory
from specreason.planning.shapes import ModelShape, known_shape
from tests.gpu.machine import Machine

BASE, DRAFTER = ROLES = ("base", "drafter")
# By size: the first one is taken that the planner finds room for.
SIZES = (
    ("Qwen/Qwen3-32B", "Qwen/Qwen3-1.7B"),
    ("Qwen/Qwen3-14B", "Qwen/Qwen3-0.6B"),
    ("Qwen/Qwen3-8B", "Qwen/Qwen3-0.6B"),
    ("Qwen/Qwen3-4B", "Qwen/Qwen3-0.6B"),
    ("Qwen/Qwen3-1.7B", "Qwen/Qwen3-0.6B"),
)
SOON_LOADED = SIZES[2:]
TINY = ModelShape(
    layers=2,
    hidden=64,
    intermediate=128,
    heads=4,
    kv_heads=2,
    head_dim=32,
    vocab=512,
    tied_embeddings=False,
    qk_norm=True,
)
# Wide enough for the kernels of a large model, and written to a disk in a second.
SMALL = ModelShape(
    layers=8,
    hidden=1024,
    intermediate=3072,
    heads=16,
    kv_heads=8,
    head_dim=128,
    vocab=512,
    tied_embeddings=False,
    qk_norm=True,
)
# The standard deviation of a large model's logits. Those of digits then often differ by less than bfloat16 can tell.
SPREAD_OF_LOGITS = 8.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ShapedPair:
    """What is to be loaded: a shape for each role, its name for people, and everything but the folders."""

    shapes: Mapping[str, ModelShape]
    names: Mapping[str, str]
    config: PairConfig
    # None: the engines make the weights up.
    spread_of_logits: float | None = None

    def write(self, folder: Path) -> PairConfig:
        """Write both models below `folder`; return the configuration that loads them."""
        from tests.support.workers.shapes import write_shape, write_weights

        models = {}
        for role in ROLES:
            write_shape(self.shapes[role], folder / role)
            if self.spread_of_logits is not None:
                write_weights(self.shapes[role], folder / role, spread_of_logits=self.spread_of_logits)
            models[role] = self.config.model(role).model_copy(update={"model": str(folder / role)})
        return self.config.model_copy(update=models)

    def __str__(self) -> str:
        return " + ".join(self.names[role] for role in ROLES)


def numbers_pair(machine: Machine) -> ShapedPair:
    """The same weights in both engines; the base computes their logits in float32, the drafter in bfloat16."""
    shape = SMALL if machine.num_gpus else TINY
    return ShapedPair(
        shapes=dict.fromkeys(ROLES, shape),
        names=dict.fromkeys(ROLES, _told(shape)),
        config=_config(machine, {BASE: {"head_dtype": "float32"}, DRAFTER: {"head_dtype": "auto"}}),
        spread_of_logits=SPREAD_OF_LOGITS,
    )


def large_pair(machine: Machine) -> ShapedPair:
    """The largest pair that one of the cards holds."""
    return _largest(machine, SIZES)


def speculating_pair(machine: Machine) -> ShapedPair:
    """A pair that loads sooner than the largest one, with token-level speculation."""
    return _largest(machine, SOON_LOADED, speculation=SpeculationConfig())


def parallel_pair(machine: Machine, *, of_drafter: int) -> ShapedPair:
    """The largest pair that two cards hold: its base on both, its drafter on `of_drafter` of them."""
    return _largest(machine, SIZES, ranks={BASE: 2, DRAFTER: of_drafter})


def _largest(
    machine: Machine,
    sizes: Sequence[tuple[str, str]],
    *,
    ranks: Mapping[str, int] | None = None,
    speculation: SpeculationConfig | None = None,
) -> ShapedPair:
    """Raises DoesNotFit for the smallest of `sizes` if the cards hold none of them."""
    fields = {
        role: {"engine_args": {"load_format": "dummy"}, "tensor_parallel_size": (ranks or {}).get(role, 1)}
        for role in ROLES
    }
    config = _config(machine, fields, speculation=speculation)
    if machine.cards is None:
        return ShapedPair(
            shapes=dict.fromkeys(ROLES, TINY), names=dict.fromkeys(ROLES, _told(TINY)), config=config
        )
    for number, names in enumerate(sizes, 1):
        named = dict(zip(ROLES, names, strict=True))
        shapes = {role: shape for role, name in named.items() if (shape := known_shape(name)) is not None}
        try:
            plan_memory(config, shapes, machine.cards)
        except DoesNotFit:
            if number == len(sizes):
                raise
        else:
            return ShapedPair(shapes=shapes, names=named, config=config)
    raise AssertionError("there are sizes to choose from")


def _config(
    machine: Machine, fields: Mapping[str, Mapping[str, Any]], *, speculation: SpeculationConfig | None = None
) -> PairConfig:
    if machine.cards is not None:
        return PairConfig(
            **{role: ModelConfig(model=role, max_model_len=8192, **fields[role]) for role in ROLES},
            speculation=speculation,
        )
    return PairConfig(
        **{
            role: ModelConfig(model=role, max_model_len=1024, kv_cache_memory_bytes=64 << 20, **fields[role])
            for role in ROLES
        },
        speculation=speculation,
        enforce_eager=True,
        block_size=32,
    )


def _told(shape: ModelShape) -> str:
    return f"{shape.layers} layers of {shape.hidden}"
