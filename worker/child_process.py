"""The supervisor's view of its child: starts it, reads its progress, ends it with all of its processes."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from specreason.children import kill_group, spawn_module
from specreason.engines.machine.leftovers import remove_leftovers
from specreason.engines.machine.platform import Device
from specreason.settings import Settings

# The child cannot work as configured, and starting it again does not help.
EXIT_CONFIG = 2
EXIT_ENGINE_DEAD = 70
# Postgres did not answer at the start: the pair is not to blame.
EXIT_STORE_AWAY = 75
# Seconds without progress, while it serves and while it loads, by device. A kernel that is compiled for the first time
# holds a GPU's engine up; so does the graph of a model of 64 layers, and reading its weights from a slow disk.
_PATIENCE = {Device.CPU: (30.0, 900.0), Device.GPU: (120.0, 1800.0)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How many seconds a child may show no progress before it counts as hung: while it serves, and in each stage of
    loading its pair."""

    stall_s: float
    start_s: float

    @classmethod
    def of(cls, settings: Settings, device: Device) -> Patience:
        """What the settings say, else what suits the device."""
        stall_s, start_s = _PATIENCE[device]
        return cls(
            stall_s=stall_s if settings.stall_s is None else settings.stall_s,
            start_s=start_s if settings.start_s is None else settings.start_s,
        )


class ChildProcess:
    """The process that holds the pair. `worker_id` is None until it can take jobs; then `on_serving` is called."""

    def __init__(
        self,
        pair: str,
        gpu: str | None,
        *,
        module: str = "worker",
        num_restarts: int = 0,
        on_serving: Callable[[], None],
    ) -> None:
        self._on_serving = on_serving
        self._progress, writer = os.pipe()
        os.set_blocking(self._progress, False)
        self.process = spawn_module(
            module,
            *("--pair", pair, "--progress-fd", str(writer), "--restarts", str(num_restarts)),
            # Set here, so that it holds before the child imports torch or the hub's client.
            environment=environment_of_child(gpu),
            pass_fds=[writer],
        )
        os.close(writer)
        self._last_progress = time.monotonic()
        self._unfinished_line = b""
        self.worker_id: UUID | None = None

    def hung(self, patience: Patience) -> bool:
        """Whether the child has reported no progress for too long."""
        self._read_progress()
        longest_s = patience.start_s if self.worker_id is None else patience.stall_s
        return time.monotonic() - self._last_progress > longest_s

    def close(self) -> None:
        """Kill the rest of the child's process group, engines included, and remove what they leave behind."""
        kill_group(self.process)
        remove_leftovers(self.process.pid)
        os.close(self._progress)

    def _read_progress(self) -> None:
        while True:
            try:
                chunk = os.read(self._progress, 4096)
            except BlockingIOError:
                return
            if not chunk:
                return
            self._last_progress = time.monotonic()
            *lines, self._unfinished_line = (self._unfinished_line + chunk).split(b"\n")
            for line in lines:
                if line:
                    self.worker_id = UUID(line.decode())
                    self._on_serving()


def environment_of_child(gpu: str | None) -> dict[str, str]:
    """The child's own variables. Its models are on this machine, so it never waits for a hub that is away."""
    offline = {"HF_HUB_OFFLINE": "1"}
    if gpu is None:
        return offline
    # Without the order, CUDA numbers the fastest card 0, and nvidia-smi the one in the first slot.
    return {**offline, "CUDA_VISIBLE_DEVICES": gpu, "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
