"""Folders of a process and its engines, removed when it ends: for their sockets, and for what it hands to vLLM.

vLLM leaves three socket files per engine behind, even after an orderly shutdown.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

_VARIABLE = "VLLM_RPC_BASE_PATH"
_PREFIX = "specreason-engines-"
# A socket's whole path has at most 107 bytes; vLLM adds a slash and a uuid to the folder.
_MAX_FOLDER_BYTES = 107 - 37


def use_own_socket_folder() -> None:
    """Make vLLM put its sockets into a folder that is removed when this process ends.

    If the user has named a folder, vLLM uses that one, and it is not removed.
    """
    named = os.environ.get(_VARIABLE, _PREFIX)
    if _PREFIX not in named or f"{_PREFIX}{os.getpid()}-" in named:
        return
    for parent in _parents():
        folder = tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=parent)
        if len(os.fsencode(folder)) <= _MAX_FOLDER_BYTES:
            break
        Path(folder).rmdir()
    os.environ[_VARIABLE] = folder
    atexit.register(remove_socket_folders, os.getpid())


def make_own_folder(purpose: str) -> Path:
    """Make a folder that is removed when this process ends, also if it is killed."""
    atexit.register(remove_socket_folders, os.getpid())
    return Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-{purpose}-"))


def remove_socket_folders(pid: int) -> None:
    """Remove the folders of process `pid`, which was killed. Call it once the process and its engines have ended."""
    for parent in _parents():
        for folder in parent.glob(f"{_PREFIX}{pid}-*"):
            shutil.rmtree(folder, ignore_errors=True)


def _parents() -> tuple[Path, ...]:
    """The temporary folder, and a short one in case its path is too long for a socket."""
    return Path(tempfile.gettempdir()), Path("/tmp")  # noqa: S108 (the folder made in it is ours alone)
