"""A demo model on disk: as a Hugging Face folder that vLLM serves, and as a checkpoint of its training."""

import json
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from specreason.demo.model import Block, Llama, LlamaShape
from specreason.demo.tokenizer import MAX_LENGTH, save_tokenizer


def export(model: Llama, folder: Path) -> None:
    """Write an ordinary `LlamaForCausalLM` folder: config, bf16 safetensors, tokenizer with chat template."""
    shape = model.shape
    folder.mkdir(parents=True, exist_ok=True)
    save_tokenizer(folder)
    ids = {t["content"]: t["id"] for t in json.loads((folder / "tokenizer.json").read_text())["added_tokens"]}
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": shape.vocab,
        "hidden_size": shape.width,
        "intermediate_size": shape.inner,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.heads,
        "head_dim": shape.head_dim,
        "hidden_act": "silu",
        "max_position_embeddings": MAX_LENGTH,
        "rope_theta": shape.rope_theta,
        "rms_norm_eps": shape.norm_eps,
        "tie_word_embeddings": False,
        "bos_token_id": None,
        "eos_token_id": ids["<|im_end|>"],
        "pad_token_id": ids["<|pad|>"],
        "torch_dtype": "bfloat16",
    }
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    generation = {
        "eos_token_id": ids["<|im_end|>"],
        "pad_token_id": ids["<|pad|>"],
        "do_sample": True,
        "temperature": 0.6,
    }
    (folder / "generation_config.json").write_text(json.dumps(generation, indent=2) + "\n")
    tensors = {k: t.detach().to("cpu", torch.bfloat16).contiguous() for k, t in _hf_views(model).items()}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    # safetensors writes the file for its owner alone.
    (folder / "model.safetensors").chmod(0o644)


def _hf_views(model: Llama) -> dict[str, Tensor]:
    """The weights under their Hugging Face names; fused matrices appear as views of their parts."""
    tensors = {
        "model.embed_tokens.weight": model.embed.weight,
        "model.norm.weight": model.norm,
        "lm_head.weight": model.head.weight,
    }
    for i, block in enumerate(model.blocks):
        assert isinstance(block, Block)
        q, k, v = block.qkv.weight.chunk(3)
        gate, up = block.gate_up.weight.chunk(2)
        layer = f"model.layers.{i}"
        tensors |= {
            f"{layer}.input_layernorm.weight": block.attn_norm,
            f"{layer}.post_attention_layernorm.weight": block.mlp_norm,
            f"{layer}.self_attn.q_proj.weight": q,
            f"{layer}.self_attn.k_proj.weight": k,
            f"{layer}.self_attn.v_proj.weight": v,
            f"{layer}.self_attn.o_proj.weight": block.out.weight,
            f"{layer}.mlp.gate_proj.weight": gate,
            f"{layer}.mlp.up_proj.weight": up,
            f"{layer}.mlp.down_proj.weight": block.down.weight,
        }
    return tensors


def load_exported(folder: Path) -> Llama:
    """Read a folder that `export` wrote."""
    config = json.loads((folder / "config.json").read_text())
    names = {
        "vocab": "vocab_size",
        "layers": "num_hidden_layers",
        "width": "hidden_size",
        "inner": "intermediate_size",
    }
    model = Llama(LlamaShape(**{ours: config[theirs] for ours, theirs in names.items()}))
    saved = load_file(folder / "model.safetensors")
    with torch.no_grad():
        # The fused matrices give out views on export, so filling the views fills them.
        for name, view in _hf_views(model).items():
            view.copy_(saved[name])
    return model


def save_checkpoint(path: Path, model: Llama, **extra: object) -> None:
    """Write atomically, so that an interrupted run never leaves half a checkpoint."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    torch.save({"config": asdict(model.shape), "model": model.state_dict(), **extra}, part)
    part.replace(path)


def load_checkpoint(saved: dict[str, object]) -> Llama:
    """The model of a checkpoint that torch has read."""
    model = Llama(LlamaShape(**saved["config"]))  # type: ignore[arg-type]
    model.load_state_dict(saved["model"])
    return model
