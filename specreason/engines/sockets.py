"""Where a process and its engines meet: a folder of its own for vLLM's sockets.

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


def use_own_socket_folder() -> None:
    """Let vLLM put its sockets into a folder that is removed when this process ends.

    A folder that the user has named is used and left alone.
    """
    named = os.environ.get(_VARIABLE, _PREFIX)
    if _PREFIX not in named or f"{_PREFIX}{os.getpid()}-" in named:
        return
    os.environ[_VARIABLE] = tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-")
    atexit.register(remove_socket_folders, os.getpid())


def remove_socket_folders(pid: int) -> None:
    """What process `pid` left, when it was killed. Call once it and its engines are gone."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}{pid}-*"):
        shutil.rmtree(folder, ignore_errors=True)
