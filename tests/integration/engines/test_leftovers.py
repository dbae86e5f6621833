"""What a process leaves behind when it is killed together with its engines is found again and removed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import pytest

from specreason.engines.machine.leftovers import remove_leftovers

# What vLLM does: it names the shared memory of two ranks after the file by which they find each other.
LOAD_AND_DIE = """
import os, signal, sys, tempfile
from pathlib import Path
from specreason.engines.machine.leftovers import keep_rendezvous_in_folder_of, use_own_folder

use_own_folder()
keep_rendezvous_in_folder_of(os.getpid())
Path(tempfile.gettempdir(), sys.argv[1]).touch()
for rank in range(2):
    Path(f"/dev/shm/{sys.argv[1]}-tp:0-[0-1]-cpushm_{rank}").touch()
print(os.getpid(), tempfile.gettempdir(), os.environ["VLLM_RPC_BASE_PATH"], flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("of_user", [None, "/tmp"])
def test_the_folder_of_a_killed_process_says_which_shared_memory_belongs_to_its_engines(
    of_user: str | None,
) -> None:
    name = f"vllm_dist_{uuid4().hex}"
    environment = {key: value for key, value in os.environ.items() if key != "VLLM_RPC_BASE_PATH"}
    if of_user is not None:
        environment["VLLM_RPC_BASE_PATH"] = of_user
    done = subprocess.run(
        [sys.executable, "-c", LOAD_AND_DIE, name],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    pid, folder, of_sockets = done.stdout.split()
    assert of_sockets == (of_user or folder)
    memory = list(Path("/dev/shm").glob(f"{name}-*"))
    assert (len(memory), Path(folder, name).exists()) == (2, True)
    remove_leftovers(int(pid))
    assert not [path for path in (*memory, Path(folder)) if path.exists()]


def test_a_folder_whose_path_is_too_long_for_a_socket_lies_elsewhere() -> None:
    with TemporaryDirectory() as root:
        long = Path(root, "x" * 60)
        long.mkdir()
        done = subprocess.run(
            [
                *(sys.executable, "-c"),
                "import os; from specreason.engines.machine.leftovers import use_own_folder as use; use(); use(); "
                "print(os.environ['VLLM_RPC_BASE_PATH'])",
            ],
            env={**os.environ, "TMPDIR": str(long)},
            capture_output=True,
            text=True,
            check=True,
        )
        folder = Path(done.stdout.strip())
        assert folder.parent == Path("/tmp")
        assert not folder.exists()  # the process has ended
        assert not list(long.iterdir())
