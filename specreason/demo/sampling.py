"""Sampling many continuations at once from our own torch models, with a key-value cache."""

from dataclasses import dataclass

import torch
from torch import Tensor

from specreason.demo.model import Llama


@dataclass(frozen=True, slots=True)
class Prefixes:
    """Where each continuation starts: a row of a right-padded token matrix, and how much of that row it sees."""

    ids: Tensor  # (sequences, length)
    row: Tensor  # (continuations,)
    seen: Tensor  # (continuations,)


def pad(sequences: list[list[int]], value: int = 0) -> Tensor:
    length = max(map(len, sequences))
    return torch.tensor([s + [value] * (length - len(s)) for s in sequences])


@torch.no_grad()  # type: ignore[untyped-decorator]
def sample(
    model: Llama,
    prefixes: Prefixes,
    max_new: int,
    stops: set[int],
    temperature: float,
    generator: torch.Generator,
) -> list[list[int]]:
    """Continue each prefix until a stop token (kept) or `max_new` tokens. Temperature 0 takes the likeliest token."""
    device = next(model.parameters()).device
    ids, row, seen = (t.to(device) for t in (prefixes.ids, prefixes.row, prefixes.seen))
    length, num, heads, head_dim = ids.shape[1], len(row), model.shape.heads, model.shape.head_dim
    dtype = torch.bfloat16 if torch.is_autocast_enabled(device.type) else torch.float32
    cached = (ids.shape[0], heads, length, head_dim)
    caches = [(torch.zeros(cached, dtype=dtype, device=device), torch.zeros(cached, dtype=dtype, device=device))
              for _ in range(model.shape.layers)]  # fmt: skip
    slots = torch.arange(length, device=device)
    causal = (slots[None, :] <= slots[:, None])[None, None]
    hidden = model(ids, slots.expand_as(ids), causal, caches)
    hidden = hidden[row, seen - 1]
    room = (num, heads, max_new, head_dim)
    caches = [
        (torch.cat((k[row], k.new_zeros(room)), 2), torch.cat((v[row], v.new_zeros(room)), 2))
        for k, v in caches
    ]
    visible = slots[None, :] < seen[:, None]
    mask = torch.cat((visible, torch.zeros(num, max_new, dtype=torch.bool, device=device)), 1)[:, None, None]
    out = torch.zeros(num, max_new, dtype=torch.long, device=device)
    done = torch.zeros(num, dtype=torch.bool, device=device)
    stop_ids = torch.tensor(sorted(stops), device=device)
    for t in range(max_new):
        logits = model.head(hidden).float()
        if temperature == 0:
            token = logits.argmax(-1)
        else:
            weights = (logits / temperature).softmax(-1).cpu()
            token = torch.multinomial(weights, 1, generator=generator)[:, 0].to(device)
        out[:, t] = torch.where(done, -1, token)
        done |= torch.isin(token, stop_ids)
        if done.all() or t + 1 == max_new:
            break
        mask[:, :, :, length + t] = True
        hidden = model(token[:, None], (seen + t)[:, None], mask[..., : length + t + 1], caches, length + t)[
            :, 0
        ]
    rows = [r[: t + 1] for r in out.tolist()]
    return [r[: r.index(-1)] if -1 in r else r for r in rows]
