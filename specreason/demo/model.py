"""A small Llama in plain torch: its forward pass under a tree mask, and its growth in depth."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class LlamaShape:
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


# Keys and values of one layer, (rows, heads, slots, head_dim).
Cache = tuple[Tensor, Tensor]


def _rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    left, right = x.chunk(2, dim=-1)
    return x * cos + torch.cat((-right, left), dim=-1) * sin


class Block(nn.Module):  # type: ignore[misc]  # torch is not followed by the type checker
    """Attention and gated feed-forward, each added to the residual stream."""

    def __init__(self, shape: LlamaShape) -> None:
        super().__init__()
        self.shape = shape
        self.attn_norm = nn.Parameter(torch.ones(shape.width))
        self.mlp_norm = nn.Parameter(torch.ones(shape.width))
        self.qkv = nn.Linear(shape.width, 3 * shape.width, bias=False)
        self.out = nn.Linear(shape.width, shape.width, bias=False)
        self.gate_up = nn.Linear(shape.width, 2 * shape.inner, bias=False)
        self.down = nn.Linear(shape.inner, shape.width, bias=False)

    def forward(
        self, x: Tensor, cos: Tensor, sin: Tensor, mask: Tensor, cache: Cache | None = None, slot: int = 0
    ) -> Tensor:
        rows, length, width = x.shape
        shape = self.shape
        qkv = self.qkv(F.rms_norm(x, (width,), self.attn_norm, shape.norm_eps))
        q, k, v = qkv.view(rows, length, 3, shape.heads, shape.head_dim).permute(2, 0, 3, 1, 4)
        q, k = _rotate(q, cos, sin), _rotate(k, cos, sin)
        if cache is not None:
            keys, values = cache
            keys[:, :, slot : slot + length] = k
            values[:, :, slot : slot + length] = v
            k, v = keys[:, :, : slot + length], values[:, :, : slot + length]
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        x = x + self.out(mixed.transpose(1, 2).reshape(rows, length, width))
        gate, up = self.gate_up(F.rms_norm(x, (width,), self.mlp_norm, shape.norm_eps)).chunk(2, dim=-1)
        return x + self.down(F.silu(gate) * up)


class Llama(nn.Module):  # type: ignore[misc]
    """The network; `forward` returns hidden states after the last norm, `head` turns them into logits."""

    def __init__(self, shape: LlamaShape) -> None:
        super().__init__()
        self.shape = shape
        self.embed = nn.Embedding(shape.vocab, shape.width)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.norm = nn.Parameter(torch.ones(shape.width))
        self.head = nn.Linear(shape.width, shape.vocab, bias=False)
        self._fast: Callable[..., Tensor] | None = None
        # Per token: has this step gone wrong, and what would be right here? Teach the comparison; not exported.
        self.slip_head = nn.Linear(shape.width, 1)
        self.expected_head = nn.Linear(shape.width, shape.vocab)
        for name, p in self.named_parameters():
            if p.dim() == 2:
                residual = name.endswith(("out.weight", "down.weight"))
                std = p.shape[1] ** -0.5 / ((2 * shape.layers) ** 0.5 if residual else 1.0)
                nn.init.normal_(p, std=0.5 if name == "embed.weight" else std)

    def forward(
        self, ids: Tensor, positions: Tensor, mask: Tensor, caches: list[Cache] | None = None, slot: int = 0
    ) -> Tensor:
        half = torch.arange(0, self.shape.head_dim, 2, device=ids.device, dtype=torch.float32)
        angles = positions[..., None].float() * self.shape.rope_theta ** (-half / self.shape.head_dim)
        angles = torch.cat((angles, angles), dim=-1)[:, None]
        x = self.embed(ids)
        cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
        fast = self._fast if torch.is_grad_enabled() else None
        for i, block in enumerate(self.blocks):
            if fast is not None:
                x = fast(block, x, cos, sin, mask)
            else:
                x = block(x, cos, sin, mask, caches[i] if caches is not None else None, slot)
        return F.rms_norm(x, (self.shape.width,), self.norm, self.shape.norm_eps)

    def use_compiler(self) -> None:
        """Fuse the operations of a block for training; every block and every length shares one compiled function."""
        self._fast = torch.compile(Block.forward, dynamic=True)


def spread(model: Llama) -> Llama:
    """Give the work of each layer to two: its attention to the first, its feed-forward to the second.

    The function stays the same to the bit, and every layer has trained work to do. The two alternatives were measured:
    fresh layers in between stay idle, and repeated layers with scaled-down outputs destroy the function.
    """
    deep = Llama(replace(model.shape, layers=model.shape.layers * 2))
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
    tall = Llama(replace(model.shape, layers=model.shape.layers + num))
    tall.load_state_dict(model.state_dict(), strict=False)
    with torch.no_grad():
        for block in list(tall.blocks)[model.shape.layers :]:
            block.out.weight.zero_()
            block.down.weight.zero_()
    return tall


def without_layers(model: Llama, dropped: set[int]) -> Llama:
    """The same model with some layers left out, to see whether they were needed."""
    kept = [i for i in range(model.shape.layers) if i not in dropped]
    small = Llama(replace(model.shape, layers=len(kept)))
    source = model.state_dict()
    target = {k: v for k, v in source.items() if not k.startswith("blocks.")}
    for new, old in enumerate(kept):
        target |= {f"blocks.{new}.{k}": source[f"blocks.{old}.{k}"] for k in small.blocks[new].state_dict()}
    small.load_state_dict(target)
    return small
