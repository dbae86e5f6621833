"""A real worker with a base of two ranks: whatever part of it is killed, its jobs go on and nothing stays behind."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from specreason.demo.exercises import exercises
from specreason.embedded import Servers
from specreason.store.session import Database
from tests.support.workers.harness import WorkerHarness, all_gone, worker_harness
from tests.support.workers.processes import descendants, engines_below, shared_memory_of, wait_for
from tests.support.workers.two_ranks import NAME, write_two_ranks

# Each test pays for loading the pair once more, which takes minutes on a busy machine.
pytestmark = pytest.mark.timeout(1800)

LOAD_S = 900
SETTINGS = {"slots": 3, "stall_s": 120, "start_s": LOAD_S, "retry_s": 0.2}
PROBLEMS = [exercise.text for exercise in islice(exercises(5, held_out=True), 1)]


@pytest.fixture(scope="module")
def harness(
    servers: Servers, administration: Database, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[WorkerHarness]:
    pairs_file = write_two_ranks(tmp_path_factory.mktemp("pairs"))
    with (
        tempfile.TemporaryDirectory() as temporary,  # short enough for a socket
        worker_harness(
            servers,
            administration,
            SETTINGS,
            pair=NAME,
            pairs_file=str(pairs_file),
            child_module="worker",
        ) as harness,
    ):
        harness.environment["TMPDIR"] = temporary
        yield harness


@pytest.fixture
def temporary(harness: WorkerHarness) -> Path:
    """Where the worker keeps its temporary files."""
    return Path(harness.environment["TMPDIR"])


def loaded_child(harness: WorkerHarness) -> int:
    worker = harness.workers[0] if harness.workers else harness.start()
    wait_for(lambda: worker.child_pid is not None or worker.process.poll() is not None, LOAD_S)
    assert worker.child_pid is not None, "the supervisor has ended"
    return worker.child_pid


def files_of(temporary: Path) -> list[str]:
    """Names of what engines keep among temporary files. PyTorch keeps compiled kernels there for good."""
    return [path.name for path in temporary.iterdir() if path.name.startswith(("specreason", "vllm"))]


@pytest.mark.parametrize("victim", ["a rank", "the engine of two ranks", "the child"])
def test_jobs_go_on_after_a_kill_and_nothing_of_the_killed_stays_behind(
    harness: WorkerHarness, temporary: Path, victim: str
) -> None:
    child = loaded_child(harness)
    (engine, ranks), *_ = sorted(engines_below(child).items(), key=lambda item: -len(item[1]))
    assert len(ranks) == 2
    of_child = [child, *descendants(child)]
    memory = shared_memory_of(of_child)
    assert memory

    job_ids = harness.submit(*PROBLEMS)
    wait_for(lambda: sum(harness.num_steps(*job_ids)) >= 2)
    os.kill(
        {"a rank": ranks[1], "the engine of two ranks": engine, "the child": child}[victim], signal.SIGKILL
    )
    wait_for(lambda: all_gone(of_child))
    wait_for(lambda: not [path for path in memory if path.exists()])
    wait_for(lambda: all(harness.state(job_id) == "succeeded" for job_id in job_ids), LOAD_S)
    attempts = [harness.attempts(job_id) for job_id in job_ids]
    assert any(first == "lost from 0" for first, *_ in attempts)
    assert all(each[-1].startswith("succeeded") for each in attempts)
    assert {name.split("-")[2] for name in files_of(temporary)} == {str(loaded_child(harness))}


def test_a_worker_that_leaves_ends_every_rank_and_leaves_nothing_behind(
    harness: WorkerHarness, temporary: Path
) -> None:
    child = loaded_child(harness)
    of_child = [child, *descendants(child)]
    memory = shared_memory_of(of_child)
    harness.workers[0].process.terminate()
    assert harness.workers[0].process.wait(120) == 0
    assert all_gone(of_child)
    assert not [path for path in memory if path.exists()]
    assert files_of(temporary) == []
