"""What engines leave behind on the disk and in shared memory, and its removal.

vLLM leaves three socket files per engine, even after an orderly shutdown. A killed engine also leaves the file by which
its ranks have found each other, and on the CPU the shared memory through which they exchange their results, which vLLM
names after that file. A folder of the process that has loaded the engines holds the sockets and the file, so that
whoever survives finds everything. Python's resource tracker removes what Python itself keeps in shared memory.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

_VARIABLE = "VLLM_RPC_BASE_PATH"
_PREFIX = "specreason-engines-"
# A socket's whole path has at most 107 bytes; vLLM adds a slash and a uuid to the folder.
_MAX_FOLDER_BYTES = 107 - 37
_RENDEZVOUS = "vllm_dist_*"
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 (vLLM chooses its names in it)


def use_own_folder() -> None:
    """Make a folder for this process and its engines, which is removed when this process ends.

    vLLM puts its sockets into it unless the user has named a folder for them, which is not removed. A second call
    changes nothing.
    """
    if _PREFIX in os.environ.get(_VARIABLE, _PREFIX):
        os.environ[_VARIABLE] = str(own_folder())


def own_folder() -> Path:
    """Return this process's folder. It is made when it is first asked for."""
    return _make_folder(os.getpid())


def keep_rendezvous_in_folder_of(owner: int) -> None:
    """Make vLLM put the file by which ranks find each other into the folder of process `owner`, if it has one.

    vLLM has no setting for it and takes the folder for temporary files, so all of those move. Not for a process that
    compiles kernels: PyTorch keeps them among its temporary files, and they must outlive it.
    """
    folder = next(_folders(owner), None)
    if folder is not None:
        tempfile.tempdir = str(folder)


def remove_leftovers(owner: int) -> None:
    """Remove the folder of process `owner`, and the shared memory named in it. Call it once all its engines have ended.

    Earlier calls do no harm: what an engine has open stays usable for it.
    """
    for folder in _folders(owner):
        for rendezvous in folder.glob(_RENDEZVOUS):
            for memory in _SHARED_MEMORY.glob(f"{rendezvous.name}-*"):
                memory.unlink(missing_ok=True)
        shutil.rmtree(folder, ignore_errors=True)


@cache
def _make_folder(owner: int) -> Path:
    for parent in _parents():
        folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{owner}-", dir=parent))
        if len(os.fsencode(folder)) <= _MAX_FOLDER_BYTES:
            break
        folder.rmdir()
    atexit.register(remove_leftovers, owner)
    return folder


def _folders(owner: int) -> Iterator[Path]:
    for parent in dict.fromkeys(_parents()):
        yield from parent.glob(f"{_PREFIX}{owner}-*")


@cache
def _parents() -> tuple[Path, ...]:
    """The temporary folder as it is at first, and a short one in case its path is too long for a socket."""
    return Path(tempfile.gettempdir()), Path("/tmp")  # noqa: S108 (the folder made in it is ours alone)
