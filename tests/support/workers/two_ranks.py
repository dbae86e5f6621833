"""The demo's base in two ranks, as a model that needs two GPUs runs."""

from __future__ import annotations

import json
from pathlib import Path

from specreason.pairs import PairConfig, load_pairs

NAME = "demo-in-two-ranks"
_DEMO = load_pairs()["demo"]
_KV_BYTES = 64 << 20


def two_ranks(*, drafter: str = "drafter") -> PairConfig:
    """The demo pair with its base in two ranks. `drafter` is the role of the model that drafts, in one rank."""
    models = {
        "base": _DEMO.base.model_copy(update={"tensor_parallel_size": 2, "kv_cache_memory_bytes": _KV_BYTES}),
        "drafter": _DEMO.model(drafter).model_copy(update={"kv_cache_memory_bytes": _KV_BYTES}),
    }
    return _DEMO.model_copy(update=models)


def write_two_ranks(folder: Path) -> Path:
    """A file of pairs with this one pair in it."""
    pair = two_ranks()
    tables = [f"[{NAME}]", f'judge_suffix = "{pair.judge_suffix}"', "enforce_eager = true", "block_size = 32"]
    for role in ("base", "drafter"):
        tables.append(f"[{NAME}.{role}]")
        given = pair.model(role).model_dump(exclude_none=True, exclude_defaults=True)
        tables += [f"{key} = {json.dumps(value)}" for key, value in given.items()]
    path = folder / "pairs.toml"
    path.write_text("\n".join(tables))
    return path
