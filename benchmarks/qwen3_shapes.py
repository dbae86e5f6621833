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
from pathlib import Path

from specreason.cli.checks.memory import needed_on_the_cpu
from specreason.engines.base import Limits, ModelPair, Role, Sampling
from specreason.engines.models.hub import weights_bytes
from specreason.engines.pair import close_pair, load_pair
from specreason.engines.tokenizer import digit_ids
from specreason.pairs import ModelConfig, PairConfig, load_pairs
from specreason.planning.needs import GIB
from specreason.planning.shapes import known_shape
from specreason.submission.chat import user_turn
from tests.support.workers.processes import command_line, descendants
from tests.support.workers.shapes import write_shape, write_weights

NAME = "qwen3-1_7b_0_6b"


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
        prompt = pair.base.tokenizer.render_prompt(user_turn("What is 85 + 15 - 7?"))
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
    shape = known_shape(model.model)
    assert shape is not None, f"{model.model} has no known shape"
    write_shape(shape, folder)
    write_weights(shape, folder)
    written = round(weights_bytes(folder) / GIB, 2)
    print(
        json.dumps({"role": role, "weights_gib": written, "pairs_toml_says": model.weights_gib}), flush=True
    )
    return model.model_copy(update={"model": str(folder), "revision": None})


if __name__ == "__main__":
    main()
