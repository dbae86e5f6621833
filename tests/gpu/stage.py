"""One stage, in the process that `tests/gpu/run.py` starts for it: loads the stage's pair and runs its phases.

    python -m tests.gpu.stage MODULE STAGE FOLDER REPORT_FD PHASE…

MODULE holds the stages. How loading and each phase ended is one JSON line each, written to REPORT_FD.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
import traceback
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from specreason.engines.pair import close_pair, load_pair
from specreason.engines.tokenizer import first_line
from specreason.errors import EngineDead
from tests.gpu.machine import Machine, this_machine
from tests.gpu.pairs import ShapedPair
from tests.gpu.scene import LOAD, LOG, Facts, Outcome, Scene, Stage


async def run_stage(stage: Stage, folder: Path, report_fd: int, names: Sequence[str]) -> None:
    """Load the pair, if the stage has one, and run the phases in `names`, as long as the engines live."""
    scene = Scene(folder=folder, log=folder / LOG, machine=this_machine())

    async def load(make: Callable[[Machine], ShapedPair]) -> Facts:
        nonlocal scene
        shaped = make(scene.machine)
        config = await asyncio.to_thread(shaped.write, folder)
        pair = await load_pair(stage.name, config, partial(print, flush=True))
        scene = replace(scene, shaped=shaped, config=config, loaded=pair)
        return {
            "pair": str(shaped),
            "kv_tokens": {"base": pair.base.kv_tokens, "drafter": pair.drafter.kv_tokens},
            "flashinfer_sampler": os.environ.get("VLLM_USE_FLASHINFER_SAMPLER"),
        }

    if stage.pair is not None and await report(report_fd, LOAD, load(stage.pair)) is not None:
        return
    try:
        for phase in stage.phases:
            if phase.name in names:
                failure = await report(report_fd, phase.name, phase.run(scene))
                if isinstance(failure, EngineDead):
                    return
    finally:
        if scene.loaded is not None:
            await close_pair(scene.loaded)


async def report(fd: int, name: str, part: Awaitable[Facts]) -> Exception | None:
    """Await `part` and write how it ended. Return the error that ended it."""
    started = time.perf_counter()
    failure: Exception | None = None
    line: dict[str, Any] = {"outcome": Outcome.DONE}
    try:
        line["facts"] = await part
    # Whatever goes wrong in a part is a fact about it; the traceback is in the log.
    except Exception as error:
        traceback.print_exc()
        failure = error
        line = {"outcome": Outcome.FAILED, "why": f"{type(error).__name__}: {first_line(error)}"}
    line["seconds"] = round(time.perf_counter() - started, 2)
    line["is_last"] = isinstance(failure, EngineDead) or (failure is not None and name == LOAD)
    os.write(fd, f"{json.dumps(line)}\n".encode())
    return failure


def main() -> None:
    module, name, folder, report_fd, *names = sys.argv[1:]
    (stage,) = (stage for stage in import_module(module).STAGES if stage.name == name)
    asyncio.run(run_stage(stage, Path(folder), int(report_fd), names))


if __name__ == "__main__":
    main()
