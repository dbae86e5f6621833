"""One rank of a model on the CPU. vLLM imports it by name, in the rank's own process: its worker patches PyTorch."""

from __future__ import annotations

import torch
from vllm.v1.worker.cpu_worker import CPUWorker


class AmxWorker(CPUWorker):  # type: ignore[misc]  # vllm is not typed
    """Asks the kernel for AMX before its first use.

    vLLM leaves that to oneDNN, whose matrix-vector kernels do not need AMX: a first prompt of one token would reach
    vLLM's own AMX attention and die of SIGILL.
    """

    def init_device(self) -> None:
        if torch.cpu._is_amx_tile_supported():
            torch.cpu._init_amx()
        super().init_device()
