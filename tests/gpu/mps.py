"""NVIDIA's Multi-Process Service: with it the kernels of two processes run at the same time on one GPU."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from specreason.children import spawn, stop

MPS_CONTROL = "nvidia-cuda-mps-control"
_QUIT_S = 10.0


@contextmanager
def mps(folder: Path) -> Iterator[Mapping[str, str]]:
    """Run a service of our own; yield the environment of its clients. One that runs on this machine is left alone."""
    # A folder with a short path: the service makes sockets in it.
    with tempfile.TemporaryDirectory(prefix="mps-") as pipes:
        environment = {"CUDA_MPS_PIPE_DIRECTORY": pipes, "CUDA_MPS_LOG_DIRECTORY": str(folder)}
        service = spawn([MPS_CONTROL, "-f"], environment=environment, output=None)
        try:
            yield environment
        finally:
            with suppress(subprocess.TimeoutExpired):
                # It asks its servers to end, which are no children of ours.
                subprocess.run([MPS_CONTROL], input=b"quit\n", env=environment, timeout=_QUIT_S, check=False)
            stop(service, grace_s=_QUIT_S)
