"""NVIDIA's Multi-Process Service: with it the kernels of two processes run at the same time on one GPU."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from specreason.children import spawn, stop

MPS_CONTROL = "nvidia-cuda-mps-control"
_QUIT_S = 10.0


@contextmanager
def mps(folder: Path) -> Iterator[Mapping[str, str]]:
    """Run a service of our own; yield the environment of its clients. One that runs on this machine is left alone.

    It writes to files in `folder`: stdout is for the lines of the proof.
    """
    # A folder with a short path: the service makes sockets in it.
    with tempfile.TemporaryDirectory(prefix="mps-") as pipes, (folder / "mps.log").open("ab") as log:
        environment = {"CUDA_MPS_PIPE_DIRECTORY": pipes, "CUDA_MPS_LOG_DIRECTORY": str(folder)}
        service = spawn([MPS_CONTROL, "-f"], environment=environment, output=log)
        try:
            yield environment
        finally:
            _quit(environment, log)
            stop(service, grace_s=_QUIT_S)


def _quit(environment: Mapping[str, str], log: IO[bytes]) -> None:
    """Have the service end its servers, which are no children of ours. If that fails, the service is stopped anyway."""
    with suppress(subprocess.TimeoutExpired, OSError):
        subprocess.run(
            [MPS_CONTROL],
            input=b"quit\n",
            env={**os.environ, **environment},
            stdout=log,
            stderr=log,
            timeout=_QUIT_S,
            check=False,
        )
