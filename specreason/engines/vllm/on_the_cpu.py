"""Runs a model on the CPU in vLLM's processes, on the cores that its configuration names. vLLM imports it by name."""

from __future__ import annotations

import os

import torch
from vllm.v1.executor.multiproc_executor import MultiprocExecutor
from vllm.v1.executor.uniproc_executor import UniProcExecutor

from specreason.engines.machine.parent_watch import SETTINGS


class OneRank(UniProcExecutor):  # type: ignore[misc]  # vllm is not typed
    """Runs the model in the engine process itself.

    By default vLLM gives the model on the CPU a process of its own, which doubles the loading time, and binds the two
    engines of a pair to the same core. Threads that started earlier keep all cores: they only pass messages.
    """

    def _init_executor(self) -> None:
        (cores,) = self.vllm_config.additional_config[SETTINGS]["cores"]
        os.sched_setaffinity(0, cores)
        torch.set_num_threads(len(cores))
        super()._init_executor()


class ManyRanks(MultiprocExecutor):  # type: ignore[misc]  # vllm is not typed
    """Runs each rank of a tensor-parallel model in a process of its own, as vLLM does on several GPUs.

    By default vLLM wants a NUMA node for each rank.
    """

    def _init_executor(self) -> None:
        cores = self.vllm_config.additional_config[SETTINGS]["cores"]
        # vLLM reads it once more for each rank. This process is the engine's own: no other engine sees it.
        os.environ["VLLM_CPU_OMP_THREADS_BIND"] = "|".join(",".join(map(str, part)) for part in cores)
        super()._init_executor()
