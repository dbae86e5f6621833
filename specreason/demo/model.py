"""A small Llama in plain torch: training with tree masks, growth in depth, and export to a Hugging Face folder."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from specreason.demo.tokenizer import MAX_LENGTH, save_tokenizer


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """Shape of one model of the pair."""

    vocab: int
    layers: int
    width: int
    inner: int
    head_dim: int = 32
    rope_theta: float = 10000.0
    norm_eps: float = 1e-5

    @property
    def heads(self) -> int:
        return self.width // self.head_dim


Cache = tuple[Tensor, Tensor]  # keys and values of one layer, (rows, heads, slots, head_dim)


def _rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    left, right = x.chunk(2, dim=-1)
    return x * cos + torch.cat((-right, left), dim=-1) * sin


class Block(nn.Module):  # type: ignore[misc]  # torch is not followed by the type checker
    """Attention and gated feed-forward, each added to the residual stream."""

    def __init__(self, cfg: ModelConfig) -> None:
        super().__init__()
        self.cfg = cfg
        self.attn_norm = nn.Parameter(torch.ones(cfg.width))
        self.mlp_norm = nn.Parameter(torch.ones(cfg.width))
        self.qkv = nn.Linear(cfg.width, 3 * cfg.width, bias=False)
        self.out = nn.Linear(cfg.width, cfg.width, bias=False)
        self.gate_up = nn.Linear(cfg.width, 2 * cfg.inner, bias=False)
        self.down = nn.Linear(cfg.inner, cfg.width, bias=False)

    def forward(
        self, x: Tensor, cos: Tensor, sin: Tensor, mask: Tensor, cache: Cache | None = None, slot: int = 0
    ) -> Tensor:
        rows, length, width = x.shape
        cfg = self.cfg
        qkv = self.qkv(F.rms_norm(x, (width,), self.attn_norm, cfg.norm_eps))
        q, k, v = qkv.view(rows, length, 3, cfg.heads, cfg.head_dim).permute(2, 0, 3, 1, 4)
        q, k = _rotate(q, cos, sin), _rotate(k, cos, sin)
        if cache is not None:
            keys, values = cache
            keys[:, :, slot : slot + length] = k
            values[:, :, slot : slot + length] = v
            k, v = keys[:, :, : slot + length], values[:, :, : slot + length]
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        x = x + self.out(mixed.transpose(1, 2).reshape(rows, length, width))
        gate, up = self.gate_up(F.rms_norm(x, (width,), self.mlp_norm, cfg.norm_eps)).chunk(2, dim=-1)
        return x + self.down(F.silu(gate) * up)


class Llama(nn.Module):  # type: ignore[misc]
    """The network; `forward` returns hidden states after the last norm, `head` turns them into logits."""

    def __init__(self, cfg: ModelConfig) -> None:
        super().__init__()
        self.cfg = cfg
        self.embed = nn.Embedding(cfg.vocab, cfg.width)
        self.blocks = nn.ModuleList(Block(cfg) for _ in range(cfg.layers))
        self.norm = nn.Parameter(torch.ones(cfg.width))
        self.head = nn.Linear(cfg.width, cfg.vocab, bias=False)
        self._fast: Callable[..., Tensor] | None = None
        # Per token: has this step gone wrong, and what would be right here? Teach the comparison; not exported.
        self.slip_head = nn.Linear(cfg.width, 1)
        self.expected_head = nn.Linear(cfg.width, cfg.vocab)
        for name, p in self.named_parameters():
            if p.dim() == 2:
                residual = name.endswith(("out.weight", "down.weight"))
                std = p.shape[1] ** -0.5 / ((2 * cfg.layers) ** 0.5 if residual else 1.0)
                nn.init.normal_(p, std=0.5 if name == "embed.weight" else std)

    def forward(
        self, ids: Tensor, positions: Tensor, mask: Tensor, caches: list[Cache] | None = None, slot: int = 0
    ) -> Tensor:
        half = torch.arange(0, self.cfg.head_dim, 2, device=ids.device, dtype=torch.float32)
        angles = positions[..., None].float() * self.cfg.rope_theta ** (-half / self.cfg.head_dim)
        angles = torch.cat((angles, angles), dim=-1)[:, None]
        x = self.embed(ids)
        cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
        fast = self._fast if torch.is_grad_enabled() else None
        for i, block in enumerate(self.blocks):
            if fast is not None:
                x = fast(block, x, cos, sin, mask)
            else:
                x = block(x, cos, sin, mask, caches[i] if caches is not None else None, slot)
        return F.rms_norm(x, (self.cfg.width,), self.norm, self.cfg.norm_eps)

    def use_compiler(self) -> None:
        """Fuse the operations of a block for training; every block and every length shares one compiled function."""
        self._fast = torch.compile(Block.forward, dynamic=True)


def spread(model: Llama) -> Llama:
    """Give the work of each layer to two: its attention to the first, its feed-forward to the second.

    The function stays the same to the bit, and every layer has trained work to do. The two alternatives were measured:
    fresh layers in between stay idle, and repeated layers with scaled-down outputs destroy the function.
    """
    deep = Llama(replace(model.cfg, layers=model.cfg.layers * 2))
    target = deep.state_dict()
    for name, tensor in model.state_dict().items():
        if not name.startswith("blocks."):
            target[name] = tensor
            continue
        _, layer, part = name.split(".", 2)
        feeds_forward = part.startswith(("mlp_norm", "gate_up", "down"))
        target[f"blocks.{2 * int(layer) + feeds_forward}.{part}"] = tensor
        if part in ("out.weight", "down.weight"):
            target[f"blocks.{2 * int(layer) + (not feeds_forward)}.{part}"] = torch.zeros_like(tensor)
    deep.load_state_dict(target)
    return deep


def with_layers_on_top(model: Llama, num: int) -> Llama:
    """The same model with fresh layers above its own; they add nothing until they are trained."""
    tall = Llama(replace(model.cfg, layers=model.cfg.layers + num))
    tall.load_state_dict(model.state_dict(), strict=False)
    with torch.no_grad():
        for block in list(tall.blocks)[model.cfg.layers :]:
            block.out.weight.zero_()
            block.down.weight.zero_()
    return tall


def without_layers(model: Llama, dropped: set[int]) -> Llama:
    """The same model with some layers left out, to see whether they were needed."""
    kept = [i for i in range(model.cfg.layers) if i not in dropped]
    small = Llama(replace(model.cfg, layers=len(kept)))
    source = model.state_dict()
    target = {k: v for k, v in source.items() if not k.startswith("blocks.")}
    for new, old in enumerate(kept):
        target |= {f"blocks.{new}.{k}": source[f"blocks.{old}.{k}"] for k in small.blocks[new].state_dict()}
    small.load_state_dict(target)
    return small


def export(model: Llama, folder: Path) -> None:
    """Write an ordinary `LlamaForCausalLM` folder: config, bf16 safetensors, tokenizer with chat template."""
    cfg = model.cfg
    folder.mkdir(parents=True, exist_ok=True)
    save_tokenizer(folder)
    ids = {t["content"]: t["id"] for t in json.loads((folder / "tokenizer.json").read_text())["added_tokens"]}
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": cfg.vocab,
        "hidden_size": cfg.width,
        "intermediate_size": cfg.inner,
        "num_hidden_layers": cfg.layers,
        "num_attention_heads": cfg.heads,
        "num_key_value_heads": cfg.heads,
        "head_dim": cfg.head_dim,
        "hidden_act": "silu",
        "max_position_embeddings": MAX_LENGTH,
        "rope_theta": cfg.rope_theta,
        "rms_norm_eps": cfg.norm_eps,
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
    (folder / "model.safetensors").chmod(0o644)  # safetensors writes it for the owner alone


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
    shape = {
        "vocab": "vocab_size",
        "layers": "num_hidden_layers",
        "width": "hidden_size",
        "inner": "intermediate_size",
    }
    model = Llama(ModelConfig(**{ours: config[theirs] for ours, theirs in shape.items()}))
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
    torch.save({"config": asdict(model.cfg), "model": model.state_dict(), **extra}, part)
    part.replace(path)


def load_model(saved: dict[str, object]) -> Llama:
    model = Llama(ModelConfig(**saved["config"]))  # type: ignore[arg-type]
    model.load_state_dict(saved["model"])
    return model
