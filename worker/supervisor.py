"""One worker as its operator sees it: `specreason worker`. Holds the lease, and the child that does the work.

The supervisor loads no model. It renews the worker's lease while its child makes progress, starts the child
again when that ends, keeps a grader running, and takes its part in coordinating all workers.
"""

from __future__ import annotations

import logging
import signal
import subprocess
import time
from collections.abc import Callable

from specreason.children import kill_group, spawn_module
from specreason.errors import StoreUnavailable
from specreason.settings import Settings
from specreason.store.queue.workers import beat, stop_worker
from specreason.store.session import Database
from worker.child_process import EXIT_CONFIG, EXIT_ENGINE_DEAD, EXIT_STORE_AWAY, ChildProcess
from worker.leader import Leader
from worker.restart_backoff import RestartBackoff

log = logging.getLogger(__name__)

TICK_S = 0.2
MAX_FAILED_STARTS = 3  # children in a row that never held their pair: the operator must act


class Supervisor:
    """Runs one worker until SIGTERM or SIGINT; a second signal leaves at once."""

    def __init__(
        self,
        database: Database,
        leader: Leader,
        settings: Settings,
        pair: str,
        gpu: str | None,
        *,
        child_module: str = "worker.child",
    ) -> None:
        self._database = database
        self._leader = leader
        self._settings = settings
        self._pair = pair
        self._gpu = gpu
        self._child_module = child_module
        self._child: ChildProcess | None = None
        self._grader: subprocess.Popen[bytes] | None = None
        self._num_signals = 0
        self._num_failed_starts = 0
        self._child_starts = RestartBackoff()
        self._grader_starts = RestartBackoff()
        self._beat_at = 0.0

    def run(self) -> int:
        """Exit status: 0 after a signal, else that of a child that cannot be started."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        status = 0
        try:
            while not self._num_signals and not status:
                status = self._tick()
                time.sleep(TICK_S)
        finally:
            self._leave()
        return status

    def _on_signal(self, number: int, frame: object) -> None:
        self._num_signals += 1

    def _tick(self) -> int:
        """Look after everything once. Not 0: the status of a child that there is no use in starting again."""
        status = self._watch_child()
        self._tend(self._renew_lease)
        self._tend(self._leader.tick)
        self._watch_grader()
        return status

    def _watch_grader(self) -> None:
        now = time.monotonic()
        if self._grader is None:
            if self._grader_starts.due(now):
                self._grader = spawn_module("worker.grader")
        elif (status := self._grader.poll()) is not None:
            log.error("the grader ended with status %d", status)
            self._grader = None
            self._grader_starts.ended(now)

    def _watch_child(self) -> int:
        """Start the child, or see that it has ended or hangs; then it starts again after a growing pause."""
        now = time.monotonic()
        if self._child is None:
            if self._child_starts.due(now):
                self._child = ChildProcess(self._pair, self._gpu, module=self._child_module)
            return 0
        hung = self._child.hung(stall_s=self._settings.stall_s, start_s=self._settings.start_s)
        status = self._child.process.poll()
        if status is None and not hung:
            return 0
        log.error(
            "the worker's child %s", "shows no progress" if status is None else f"ended with status {status}"
        )
        if self._child.worker_id is not None:
            self._num_failed_starts = 0
        elif status != EXIT_STORE_AWAY:
            self._num_failed_starts += 1
        self._child_starts.ended(now)
        self._end_child()
        give_up = status == EXIT_CONFIG or self._num_failed_starts == MAX_FAILED_STARTS
        return (status or EXIT_ENGINE_DEAD) if give_up else 0

    def _renew_lease(self) -> None:
        child, now = self._child, time.monotonic()
        if child is None or child.worker_id is None or now < self._beat_at:
            return
        self._beat_at = now + self._settings.beat_s
        if not beat(self._database, child.worker_id, lease_s=self._settings.lease_s):
            log.error("the lease of worker %s has run out: its jobs are others' now", child.worker_id)
            self._end_child()

    def _leave(self) -> None:
        """Let the child give its jobs back, then end everything that we started."""
        self._leader.close()  # first: draining may take long, and someone must lead
        deadline = time.monotonic() + self._settings.drain_s
        if self._child is not None:
            self._child.process.terminate()
        while self._draining and time.monotonic() < deadline and self._num_signals < 2:
            self._tend(self._renew_lease)
            time.sleep(TICK_S)
        self._end_child()
        if self._grader is not None:
            kill_group(self._grader)

    @property
    def _draining(self) -> bool:
        return self._child is not None and self._child.process.poll() is None

    def _end_child(self) -> None:
        """Kill what is left of the child, and end its lease so that its jobs are free at once."""
        if self._child is None:
            return
        self._child.close()
        worker_id, self._child = self._child.worker_id, None
        if worker_id is not None:
            self._tend(lambda: stop_worker(self._database, worker_id))

    def _tend(self, duty: Callable[[], None]) -> None:
        """Do what needs Postgres or the broker; while they are away, go on without."""
        try:
            duty()
        except StoreUnavailable as error:
            log.warning("%s", error)
