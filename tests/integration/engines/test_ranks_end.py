"""An engine that is closed leaves none of its ranks running, also if it was killed."""

from __future__ import annotations

import subprocess
import time

import pytest

from specreason.engines.machine.ranks import processes_below, see_ended
from tests.support.workers.processes import alive


def engine_with_a_rank(lasting_s: float) -> tuple[subprocess.Popen[bytes], int]:
    """A process that stands for the engine's, and the pid of one below it."""
    engine = subprocess.Popen(["sh", "-c", f"sleep {lasting_s} & wait"])
    while not (below := processes_below(engine.pid)):
        time.sleep(0.01)
    return engine, below[0].pid


@pytest.mark.parametrize(("lasting_s", "within_s"), [(60, 0.1), (0.5, 60)], ids=["stays", "ends by itself"])
def test_a_rank_has_ended_when_its_engine_was_killed(lasting_s: float, within_s: float) -> None:
    engine, rank = engine_with_a_rank(lasting_s)
    ranks = processes_below(engine.pid)
    engine.kill()
    engine.wait()
    assert alive(rank)
    see_ended(ranks, within_s)
    assert not alive(rank)


def test_an_engine_that_has_ended_has_no_ranks() -> None:
    engine, _ = engine_with_a_rank(0.1)
    engine.wait()
    assert processes_below(engine.pid) == processes_below(None) == []
