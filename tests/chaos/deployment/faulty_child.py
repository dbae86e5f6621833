"""A worker's child on scripted engines. The monkey breaks its base engine: SIGUSR1 kills it, SIGUSR2 hangs it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from specreason.engines.base import ModelPair
from specreason.pairs import PairConfig
from tests.chaos.deployment.faulty_engine import FaultyEngine
from tests.chaos.deployment.scripted_pair import StepLog, make_pair
from worker.child import main

STEP_LOG = "CHAOS_STEP_LOG"
KILL_ENGINE, HANG_ENGINE = signal.SIGUSR1, signal.SIGUSR2


async def load(name: str, config: PairConfig, announce: Callable[[str], None]) -> ModelPair:
    """Stands in for load_pair: runs on the pair host's loop."""
    pair = make_pair(on_step=StepLog(Path(os.environ[STEP_LOG])))
    loop = asyncio.get_running_loop()
    threading.Thread(target=_obey, args=(pair.base, loop), name="monkey", daemon=True).start()
    return pair


def _obey(engine: FaultyEngine, loop: asyncio.AbstractEventLoop) -> None:
    while True:
        order = signal.sigwait([KILL_ENGINE, HANG_ENGINE])
        loop.call_soon_threadsafe(engine.die if order == KILL_ENGINE else engine.hang)


if __name__ == "__main__":
    # Blocked in every thread, so that sigwait gets them and not Celery, which prints stacks on SIGUSR1.
    signal.pthread_sigmask(signal.SIG_BLOCK, [KILL_ENGINE, HANG_ENGINE])
    sys.exit(main(load))
