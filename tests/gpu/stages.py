"""The stages of the proof, in their order: what settles most comes first."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path

from tests.gpu.machine import Machine
from tests.gpu.mps import MPS_CONTROL, mps
from tests.gpu.pairs import large_pair, numbers_pair, parallel_pair, speculating_pair
from tests.gpu.phases import job, kills, looks, memory, numbers, requests, speed
from tests.gpu.scene import Phase, Stage

# Two compilations of up to 64 layers, and a kernel for each size of batch.
LARGE_LOAD_S = 360.0
OVERLAP = Phase(name="overlap", run=speed.overlap, limit_s=60)
MEMORY = Phase(name="memory", run=memory.memory, limit_s=30)


def no_gpu(machine: Machine) -> str:
    return "" if machine.num_gpus else "no GPU"


def no_second_gpu(machine: Machine) -> str:
    return "" if machine.num_gpus > 1 else no_gpu(machine) or "no second GPU"


def no_mps(machine: Machine) -> str:
    return no_gpu(machine) or ("" if shutil.which(MPS_CONTROL) else f"no {MPS_CONTROL}")


def with_runner(version: int) -> Callable[[Path], AbstractContextManager[Mapping[str, str]]]:
    """Have vLLM use this version of its model runner, whatever the product chooses."""
    return lambda _: nullcontext({"VLLM_USE_V2_MODEL_RUNNER": str(version - 1)})


STAGES = (
    Stage(name="machine", phases=(Phase(name="looks", run=looks.looks, limit_s=120),)),
    Stage(
        name="numbers",
        pair=numbers_pair,
        phases=(
            Phase(name="digits", run=numbers.digits, limit_s=60),
            Phase(name="seeds", run=numbers.seeds, limit_s=60),
            Phase(name="requests", run=requests.requests, limit_s=30),
        ),
    ),
    Stage(
        name="shapes",
        pair=large_pair,
        load_s=LARGE_LOAD_S,
        phases=(MEMORY, Phase(name="warm-up", run=speed.warm_up, limit_s=90), OVERLAP),
    ),
    Stage(name="kills", phases=(Phase(name="kills", run=kills.kills, limit_s=240),)),
    Stage(name="job", phases=(Phase(name="job", run=job.job, limit_s=240),)),
    *(
        Stage(
            name=f"speculation-v{version}",
            pair=speculating_pair,
            lacks=no_gpu,
            around=with_runner(version),
            phases=(Phase(name="tokens", run=speed.tokens, limit_s=40),),
        )
        for version in (1, 2)
    ),
    *(
        Stage(
            name=f"ranks-2-{of_drafter}",
            pair=partial(parallel_pair, of_drafter=of_drafter),
            load_s=LARGE_LOAD_S,
            lacks=no_second_gpu,
            phases=(MEMORY, OVERLAP),
        )
        for of_drafter in (1, 2)
    ),
    Stage(name="mps", pair=large_pair, load_s=LARGE_LOAD_S, lacks=no_mps, around=mps, phases=(OVERLAP,)),
)
