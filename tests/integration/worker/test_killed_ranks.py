"""A real worker with a base of two ranks: whatever part of it is killed, its jobs go on and nothing stays behind."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from specreason.config import RunConfig, SchemeName
from specreason.demo.exercises import exercises
from specreason.embedded import Servers
from specreason.store.session import Database
from tests.support.workers.harness import WorkerHarness, all_gone, worker_harness
from tests.support.workers.processes import descendants, engines_below, shared_memory_of, wait_for
from tests.support.workers.two_ranks import NAME, write_two_ranks

# Loading the pair takes minutes on a busy machine; the tests run in this order, so that two loads are enough.
pytestmark = pytest.mark.timeout(1800)

LOAD_S = 900
SETTINGS = {"slots": 3, "stall_s": 120, "start_s": LOAD_S, "retry_s": 0.2}
# More jobs than slots: some run at any moment. With the drafter beside two ranks on two cores, a step takes most of a
# minute.
ALONE = RunConfig(
    scheme=SchemeName.BASE, temperature=0, token_budget=96, max_step_tokens=4, max_answer_tokens=8
)
PROBLEMS = [exercise.text for exercise in islice(exercises(5, held_out=True), 5)]


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


def ranks_of(harness: WorkerHarness) -> tuple[int, ...]:
    """The ranks of the base, as soon as both have started."""
    wait_for(lambda: any(len(ranks) == 2 for ranks in engines_of(harness).values()), LOAD_S)
    return tuple(next(ranks for ranks in engines_of(harness).values() if len(ranks) == 2))


def engines_of(harness: WorkerHarness) -> dict[int, list[int]]:
    return engines_below(harness.workers[0].process.pid)


def loaded_child(harness: WorkerHarness) -> int:
    worker = harness.workers[0]
    wait_for(lambda: worker.child_pid is not None or worker.process.poll() is not None, LOAD_S)
    assert worker.child_pid is not None, "the supervisor has ended"
    return worker.child_pid


def files_of(temporary: Path) -> list[str]:
    """Names of what engines keep among temporary files. PyTorch keeps compiled kernels there for good."""
    return [path.name for path in temporary.iterdir() if path.name.startswith(("specreason", "vllm"))]


def kill(victim: int, of_child: list[int]) -> None:
    """Kill a part of the child; all other parts and their shared memory go as well."""
    memory = shared_memory_of(of_child)
    os.kill(victim, signal.SIGKILL)
    wait_for(lambda: all_gone(of_child))
    wait_for(lambda: not [path for path in memory if path.exists()])


def test_a_child_that_is_killed_while_its_ranks_start_leaves_none_of_them(harness: WorkerHarness) -> None:
    worker = harness.start()
    ranks = ranks_of(harness)
    child = next(each for each in descendants(worker.process.pid) if set(ranks) <= {*descendants(each)})
    kill(child, [child, *descendants(child)])


def test_a_job_whose_rank_is_killed_goes_on(harness: WorkerHarness, temporary: Path) -> None:
    child = loaded_child(harness)
    of_child = [child, *descendants(child)]
    assert shared_memory_of(of_child)
    job_ids = harness.submit(*PROBLEMS, config=ALONE)
    wait_for(lambda: sum(harness.num_steps(*job_ids)) >= 2)
    kill(ranks_of(harness)[1], of_child)
    wait_for(lambda: all(harness.state(job_id) == "succeeded" for job_id in job_ids), LOAD_S)
    attempts = [harness.attempts(job_id) for job_id in job_ids]
    assert any(first == "lost from 0" for first, *_ in attempts), attempts
    assert all(each[-1].startswith("succeeded") for each in attempts)
    assert {name.split("-")[2] for name in files_of(temporary)} == {str(loaded_child(harness))}


def test_the_ranks_of_a_killed_engine_end_and_a_worker_that_leaves_while_it_loads_leaves_nothing(
    harness: WorkerHarness, temporary: Path
) -> None:
    child = loaded_child(harness)
    engine = next(engine for engine, ranks in engines_of(harness).items() if ranks)
    kill(engine, [child, *descendants(child)])
    ranks_of(harness)
    of_worker = descendants(harness.workers[0].process.pid)
    memory = shared_memory_of(of_worker)
    harness.workers[0].process.terminate()
    assert harness.workers[0].process.wait(120) == 0
    wait_for(lambda: all_gone(of_worker))
    assert not [path for path in memory if path.exists()]
    assert files_of(temporary) == []
