"""The supervisor's view of its child: starts it, reads its progress, ends it with all of its processes."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from uuid import UUID

from specreason.children import kill_group, spawn_module
from specreason.engines.leftovers import remove_leftovers

# The child cannot work as configured, and starting it again does not help.
EXIT_CONFIG = 2
EXIT_ENGINE_DEAD = 70
# Postgres did not answer at the start: the pair is not to blame.
EXIT_STORE_AWAY = 75


class ChildProcess:
    """The process that holds the pair. `worker_id` is None until it can take jobs; then `on_serving` is called."""

    def __init__(
        self, pair: str, gpu: str | None, *, module: str = "worker", on_serving: Callable[[], None]
    ) -> None:
        self._on_serving = on_serving
        self._progress, writer = os.pipe()
        os.set_blocking(self._progress, False)
        self.process = spawn_module(
            module,
            *("--pair", pair, "--progress-fd", str(writer)),
            # Set here, so that it holds before the child imports torch.
            environment={} if gpu is None else {"CUDA_VISIBLE_DEVICES": gpu},
            pass_fds=[writer],
        )
        os.close(writer)
        self._last_progress = time.monotonic()
        self._unfinished_line = b""
        self.worker_id: UUID | None = None

    def hung(self, *, stall_s: float, start_s: float) -> bool:
        """Whether the child reports no progress for `stall_s` seconds, or for `start_s` while it loads the pair."""
        self._read_progress()
        return time.monotonic() - self._last_progress > (start_s if self.worker_id is None else stall_s)

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
