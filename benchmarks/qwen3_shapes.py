"""Loads the pair `qwen3-1_7b_0_6b` in its exact shapes with random weights, generates, scores, and measures memory.

It shows what can be shown where the hub is not in reach: that vLLM takes these shapes on the CPU with the pair's
settings, that a step can be drafted, scored and written, and what memory that needs. The tokenizer is a small stand-in.

    python -m benchmarks.qwen3_shapes [--tokens 32]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file

from specreason.cli.checks.memory import needed_on_the_cpu
from specreason.engines.base import Limits, ModelPair, Role, Sampling
from specreason.engines.hub import GIB, weights_bytes
from specreason.engines.pair import close_pair, load_pair
from specreason.engines.tokenizer import digit_ids
from specreason.pairs import ModelConfig, PairConfig, load_pairs
from tests.golden.families import FAMILY_OF, write_model
from tests.support.workers.processes import command_line, descendants

NAME = "qwen3-1_7b_0_6b"
LAYERS, HEADS, KV_HEADS, HEAD_SIZE, VOCABULARY = 28, 16, 8, 128, 151_936


@dataclass(frozen=True, slots=True)
class Shape:
    """What differs between the two models."""

    width: int
    inner_width: int


SHAPES = {Role.BASE: Shape(2048, 6144), Role.DRAFTER: Shape(1024, 3072)}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tokens", type=int, default=32, help="To generate with each model.")
    num_tokens = parser.parse_args().tokens
    with tempfile.TemporaryDirectory() as folder:
        pair = load_pairs()[NAME]
        local = {role.value: write(role, pair.model(role), Path(folder) / role) for role in Role}
        pair = pair.model_copy(update=local)
        print(json.dumps({"needed_gib": round((needed_on_the_cpu(pair) or 0) / GIB, 2)}), flush=True)
        asyncio.run(try_out(pair, num_tokens))


async def try_out(config: PairConfig, num_tokens: int) -> None:
    """Print one JSON line per figure."""
    started = time.perf_counter()
    pair: ModelPair = await load_pair(NAME, config)
    print(json.dumps({"loaded_s": round(time.perf_counter() - started, 1)}), flush=True)
    try:
        prompt = pair.base.tokenizer.render_prompt("What is 85 + 15 - 7?")
        for role in Role:
            started = time.perf_counter()
            done = await pair.engine(role).generate(
                prompt,
                limits=Limits(max_tokens=num_tokens),
                sampling=Sampling(temperature=0.6, top_p=0.95),
                seed=0,
            )
            seconds = time.perf_counter() - started
            line = {"role": role, "tokens": len(done.token_ids), "s_per_token": seconds / len(done.token_ids)}
            print(json.dumps(line), flush=True)
        digits = digit_ids(pair.base.tokenizer, pair.judge_suffix)
        verdict = await pair.base.score(
            (*prompt, *pair.base.tokenizer.encode(pair.judge_suffix)), digit_ids=digits
        )
        print(json.dumps({"verdict_s": round(verdict.latency_s, 2)}), flush=True)
        print(json.dumps({"memory_gib": memory_of_engines()}), flush=True)
    finally:
        await close_pair(pair)


def memory_of_engines() -> dict[str, float]:
    """Return the proportional share of memory of each engine process, and of this one."""
    found = {"this": os.getpid()} | {
        f"engine {pid}": pid for pid in descendants(os.getpid()) if "EngineCore" in command_line(pid)
    }
    return {name: round(pss_kib(pid) / (1 << 20), 2) for name, pid in found.items()}


def pss_kib(pid: int) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


def write(role: Role, model: ModelConfig, folder: Path) -> ModelConfig:
    """Write a model in the shape of `role`, its files as large as the hub's; return the configuration that names it."""
    write_model(FAMILY_OF[model.model], folder, opens_thinking=False)
    shape = SHAPES[role]
    config = {
        "architectures": ["Qwen3ForCausalLM"],
        "model_type": "qwen3",
        "hidden_size": shape.width,
        "intermediate_size": shape.inner_width,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "num_key_value_heads": KV_HEADS,
        "head_dim": HEAD_SIZE,
        "vocab_size": VOCABULARY,
        "max_position_embeddings": 40960,
        "rope_theta": 1_000_000,
        "rms_norm_eps": 1e-6,
        "hidden_act": "silu",
        "attention_bias": False,
        "tie_word_embeddings": True,
        "torch_dtype": "bfloat16",
        "bos_token_id": 151643,
        "eos_token_id": 151645,
    }
    (folder / "config.json").write_text(json.dumps(config))
    save_file(random_weights(shape), folder / "model.safetensors", metadata={"format": "pt"})
    written = round(weights_bytes(folder) / GIB, 2)
    print(
        json.dumps({"role": role, "weights_gib": written, "pairs_toml_says": model.weights_gib}), flush=True
    )
    return model.model_copy(update={"model": str(folder), "revision": None})


def random_weights(shape: Shape) -> dict[str, torch.Tensor]:
    """Return tensors under the names of Qwen3's files, which hold the tied embedding twice."""

    def normal(rows: int, columns: int) -> torch.Tensor:
        return torch.empty(rows, columns, dtype=torch.bfloat16).normal_(0, 0.02)

    def ones(size: int) -> torch.Tensor:
        return torch.ones(size, dtype=torch.bfloat16)

    width, queries, keys = shape.width, HEADS * HEAD_SIZE, KV_HEADS * HEAD_SIZE
    embedding = normal(VOCABULARY, width)
    weights = {"model.embed_tokens.weight": embedding, "lm_head.weight": embedding.clone()}
    weights["model.norm.weight"] = ones(width)
    for index in range(LAYERS):
        layer = f"model.layers.{index}."
        weights |= {f"{layer}{name}_layernorm.weight": ones(width) for name in ("input", "post_attention")}
        weights |= {f"{layer}self_attn.{name}_norm.weight": ones(HEAD_SIZE) for name in "qk"}
        weights |= {
            f"{layer}self_attn.{name}_proj.weight": normal(rows, columns)
            for name, rows, columns in (
                ("q", queries, width),
                ("k", keys, width),
                ("v", keys, width),
                ("o", width, queries),
            )
        }
        weights |= {
            f"{layer}mlp.{name}_proj.weight": normal(shape.inner_width, width) for name in ("gate", "up")
        }
        weights[f"{layer}mlp.down_proj.weight"] = normal(width, shape.inner_width)
    return weights


if __name__ == "__main__":
    main()
