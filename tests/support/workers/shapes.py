"""Models in given shapes, with random weights or none: they show what loads, how fast and in how much memory.

All of them are of the family Qwen3. The tokenizer is a small stand-in, so the rows of a real vocabulary that lie beyond
it have no text.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from specreason.planning.shapes import ModelShape
from tests.golden.families import FAMILY_OF, write_model

SPREAD = 0.02


def write_shape(shape: ModelShape, folder: Path) -> None:
    """Write a model's folder without weights, for an engine with `load_format = "dummy"`."""
    write_model(FAMILY_OF["Qwen/Qwen3-1.7B"], folder, opens_thinking=False)
    config = {
        "architectures": ["Qwen3ForCausalLM"],
        "model_type": "qwen3",
        "hidden_size": shape.hidden,
        "intermediate_size": shape.intermediate,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.kv_heads,
        "head_dim": shape.head_dim,
        "vocab_size": shape.vocab,
        "max_position_embeddings": 40960,
        "rope_theta": 1_000_000,
        "rms_norm_eps": 1e-6,
        "hidden_act": "silu",
        "attention_bias": False,
        "tie_word_embeddings": shape.tied_embeddings,
        "torch_dtype": "bfloat16",
    }
    (folder / "config.json").write_text(json.dumps(config))


def write_weights(shape: ModelShape, folder: Path, *, spread_of_logits: float | None = None) -> None:
    """Write random weights beside what `write_shape` has written, as large as the files of a real model.

    `spread_of_logits` is their standard deviation; by default the head has the weights of any other layer.
    """
    torch.manual_seed(0)
    spread = SPREAD if spread_of_logits is None else spread_of_logits / shape.hidden**0.5
    save_file(_weights(shape, spread), folder / "model.safetensors", metadata={"format": "pt"})


def _weights(shape: ModelShape, spread_of_head: float) -> dict[str, Tensor]:
    """Return tensors under the names of Qwen3's files, which hold a tied embedding twice."""
    width, queries, keys = shape.hidden, shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
    embedding = _normal(shape.vocab, width)
    head = embedding.clone() if shape.tied_embeddings else _normal(shape.vocab, width, spread_of_head)
    weights = {
        "model.embed_tokens.weight": embedding,
        "lm_head.weight": head,
        "model.norm.weight": _ones(width),
    }
    for index in range(shape.layers):
        layer = f"model.layers.{index}."
        weights |= {f"{layer}{name}_layernorm.weight": _ones(width) for name in ("input", "post_attention")}
        weights |= {f"{layer}self_attn.{name}_norm.weight": _ones(shape.head_dim) for name in "qk"}
        weights |= {
            f"{layer}self_attn.{name}_proj.weight": _normal(rows, columns)
            for name, rows, columns in (
                ("q", queries, width),
                ("k", keys, width),
                ("v", keys, width),
                ("o", width, queries),
            )
        }
        weights |= {
            f"{layer}mlp.{name}_proj.weight": _normal(shape.intermediate, width) for name in ("gate", "up")
        }
        weights[f"{layer}mlp.down_proj.weight"] = _normal(width, shape.intermediate)
    return weights


def _normal(rows: int, columns: int, spread: float = SPREAD) -> Tensor:
    return torch.empty(rows, columns, dtype=torch.bfloat16).normal_(0, spread)


def _ones(size: int) -> Tensor:
    return torch.ones(size, dtype=torch.bfloat16)
