"""One rank of a model on the CPU. vLLM imports it by name, in the rank's own process: its worker patches PyTorch."""

from __future__ import annotations

from typing import Any

import torch
from vllm.v1.sample import rejection_sampler
from vllm.v1.worker.cpu_worker import CPUWorker

_apply_sampling_constraints = rejection_sampler.apply_sampling_constraints


class MendedWorker(CPUWorker):  # type: ignore[misc]  # vllm is not typed
    """vLLM's worker without two of its faults on the CPU.

    It leaves AMX to oneDNN, whose matrix-vector kernels do not need it: a first prompt of one token would reach vLLM's
    own AMX attention and die of SIGILL. So this asks the kernel for AMX before the first use. And an engine that drafts
    tokens would draw by temperatures, top_p and top_k that are not the request's: see `expand_batch_to_tokens`.
    """

    def init_device(self) -> None:
        if torch.cpu._is_amx_tile_supported():
            torch.cpu._init_amx()
        rejection_sampler.expand_batch_to_tokens = expand_batch_to_tokens
        rejection_sampler.apply_sampling_constraints = apply_sampling_constraints
        super().init_device()


def expand_batch_to_tokens(
    values: torch.Tensor,
    cu_num_tokens: torch.Tensor,
    num_tokens: int,
    replace_from: int = 0,
    replace_to: int = 0,
) -> torch.Tensor:
    """The value of each request once for each of its drafted tokens, `num_tokens` in all.

    In place of vLLM's, which on the CPU returns memory that nobody has written, unless the values are 64-bit integers:
    it writes into a converted copy (vllm/utils/cpu_triton_utils.py). Temperature, top_p and top_k are no such integers.
    `cu_num_tokens` are the sums of the numbers of drafted tokens.
    """
    counts = torch.diff(cu_num_tokens, prepend=cu_num_tokens.new_zeros(1))
    replaced = torch.where(values == replace_from, replace_to, values)
    return replaced.repeat_interleave(counts, output_size=num_tokens)


def apply_sampling_constraints(
    logits: torch.Tensor, cu_num_tokens: torch.Tensor, metadata: Any
) -> torch.Tensor:
    """vLLM's, which dies of top_k if no request has drafted tokens, as after a prefill."""
    if not len(logits):
        return logits
    return _apply_sampling_constraints(logits, cu_num_tokens, metadata)
