"""Stages without a pair whose phases go wrong in every way, for the tests of the runner."""

from __future__ import annotations

import asyncio
import os
import signal

from tests.gpu.machine import Machine
from tests.gpu.pairs import ShapedPair
from tests.gpu.scene import Facts, Phase, Scene, Stage


async def well(scene: Scene) -> Facts:
    return {"pid": os.getpid()}


async def badly(scene: Scene) -> Facts:
    raise RuntimeError("this went badly")


async def for_ever(scene: Scene) -> Facts:
    await asyncio.sleep(3600)
    return {}


async def dead(scene: Scene) -> Facts:
    print("the last words", flush=True)  # noqa: T201
    os.kill(os.getpid(), signal.SIGKILL)
    return {}


def no_such_pair(machine: Machine) -> ShapedPair:
    raise ValueError("there is no such pair")


def a_wish(machine: Machine) -> str:
    return "a second sun"


PHASES = (
    Phase(name="before", run=well, limit_s=60),
    Phase(name="badly", run=badly, limit_s=60),
    Phase(name="between", run=well, limit_s=60),
    Phase(name="dead", run=dead, limit_s=60),
    Phase(name="after", run=well, limit_s=60),
)
STAGES = (
    Stage(name="faults", phases=PHASES),
    Stage(name="slow", phases=(Phase(name="for-ever", run=for_ever, limit_s=0.1), PHASES[0])),
    Stage(name="unloadable", pair=no_such_pair, phases=PHASES[:2]),
    Stage(name="impossible", lacks=a_wish, phases=PHASES[:2]),
)
