"""The supervisor's hold on its child: starts it, hears its progress, ends it with everything it started."""

from __future__ import annotations

import os
import time
from uuid import UUID

from specreason.children import kill_group, spawn_module
from specreason.engines.sockets import remove_socket_folders

EXIT_CONFIG = 2  # the child cannot work as configured: starting it again is no use
EXIT_ENGINE_DEAD = 70
EXIT_STORE_AWAY = 75  # Postgres did not answer at the start: the pair is not to blame


class ChildProcess:
    """The process that holds the pair. `worker_id` is known once it can take jobs."""

    def __init__(self, pair: str, gpu: str | None, *, module: str = "worker.child") -> None:
        self._progress, writer = os.pipe()
        os.set_blocking(self._progress, False)
        self.process = spawn_module(
            module,
            *("--pair", pair, "--progress-fd", str(writer)),
            # Set here, before anything in the child can import torch.
            environment={} if gpu is None else {"CUDA_VISIBLE_DEVICES": gpu},
            pass_fds=[writer],
        )
        os.close(writer)
        self._last_turn = time.monotonic()
        self._heard = b""
        self.worker_id: UUID | None = None

    def hung(self, *, stall_s: float, start_s: float) -> bool:
        """Whether its step loops have not turned for `stall_s`; while it loads, it may be silent for `start_s`."""
        self._listen()
        return time.monotonic() - self._last_turn > (start_s if self.worker_id is None else stall_s)

    def close(self) -> None:
        """Kill whatever is left of the child's group, engines included."""
        kill_group(self.process)
        remove_socket_folders(self.process.pid)
        os.close(self._progress)

    def _listen(self) -> None:
        while True:
            try:
                heard = os.read(self._progress, 4096)
            except BlockingIOError:
                return
            if not heard:
                return
            self._last_turn = time.monotonic()
            *lines, self._heard = (self._heard + heard).split(b"\n")
            for line in lines:
                if line:
                    self.worker_id = UUID(line.decode())
