"""Child processes and what they hold end together."""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryFile

from specreason.children import kill_group, spawn
from tests.support.workers.processes import alive, descendants, wait_for

# As an engine with ranks does: shared memory and a lock, known to Python's resource tracker.
HOLD_AND_HANG = """
import multiprocessing, time
from multiprocessing.shared_memory import SharedMemory

lock = multiprocessing.get_context("spawn").Lock()
memory = SharedMemory(create=True, size=1 << 20)
print(memory._name, lock._semlock.name, flush=True)
time.sleep(600)
"""


def test_a_killed_group_leaves_no_shared_memory_and_no_process() -> None:
    with TemporaryFile() as output:
        process = spawn([sys.executable, "-c", HOLD_AND_HANG], output=output)
        try:
            wait_for(lambda: output.seek(0) == 0 and output.read().endswith(b"\n"))
            output.seek(0)
            memory, semaphore = (
                Path("/dev/shm") / name.strip("/") for name in output.read().decode().split()
            )
            held = [memory, semaphore.with_name(f"sem.{semaphore.name}")]
            assert all(path.exists() for path in held)
            group = [process.pid, *descendants(process.pid)]
        finally:
            kill_group(process)
    assert len(group) == 2  # the second is the tracker
    assert not [path for path in held if path.exists()]
    assert not any(map(alive, group))


def test_killing_a_group_that_has_ended_is_no_error() -> None:
    process = spawn([sys.executable, "-c", ""])
    process.wait()
    kill_group(process)
    assert not Path(f"/proc/{process.pid}").exists()
