"""The supervisor of one worker, `specreason worker`: it holds the lease and runs the child, which runs the jobs.

The supervisor loads no model. It renews the worker's lease while its child makes progress, restarts the child when
the child ends, keeps a grader running, and stands as a candidate for the leader of all workers.
"""

from __future__ import annotations

import logging
import signal
import subprocess
import time
from collections.abc import Callable

from specreason.children import spawn_module, stop
from specreason.errors import StoreUnavailable
from specreason.settings import Settings
from specreason.store.queue.workers import beat, stop_worker
from specreason.store.session import Database
from worker.child_process import EXIT_CONFIG, EXIT_ENGINE_DEAD, EXIT_STORE_AWAY, ChildProcess, Patience
from worker.leader import Leader
from worker.restart_backoff import RestartBackoff

log = logging.getLogger(__name__)

TICK_S = 0.2
# How long the grader may take to give the answers back that it has; else they wait until its hold on them runs out.
GRADER_GRACE_S = 2.0
# The supervisor gives up after this many children in a row that never registered: the operator must act.
MAX_FAILED_STARTS = 3


class Supervisor:
    """Runs one worker until SIGTERM or SIGINT. A second signal ends it without waiting for its jobs.

    Calls `on_serving` whenever a child can take jobs: after its start, and after each restart.
    """

    def __init__(
        self,
        database: Database,
        leader: Leader,
        settings: Settings,
        pair: str,
        gpu: str | None,
        *,
        patience: Patience,
        child_module: str = "worker",
        on_serving: Callable[[], None] = lambda: None,
    ) -> None:
        self._database = database
        self._leader = leader
        self._settings = settings
        self._pair = pair
        self._gpu = gpu
        self._patience = patience
        self._child_module = child_module
        self._on_serving = on_serving
        self._child: ChildProcess | None = None
        self._grader: subprocess.Popen[bytes] | None = None
        self._num_signals = 0
        self._num_failed_starts = 0
        self._num_starts = 0
        self._child_starts = RestartBackoff()
        self._grader_starts = RestartBackoff()
        self._beat_at = 0.0

    def run(self) -> int:
        """Run until a signal. Exit status: 0 after a signal, else that of a child that cannot be started."""
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
        """Do each duty once. Returns 0, or the status of a child that is not worth starting again."""
        status = self._watch_child()
        _try(self._renew_lease)
        _try(self._leader.tick)
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
        """Start the child if it is due. If it has ended or hangs, end it and let it restart after a growing pause.

        Returns 0, or the status of a child that is not worth starting again.
        """
        now = time.monotonic()
        if self._child is None:
            if self._child_starts.due(now):
                self._child = ChildProcess(
                    self._pair,
                    self._gpu,
                    module=self._child_module,
                    num_restarts=self._num_starts,
                    on_serving=self._on_serving,
                )
                self._num_starts += 1
            return 0
        hung = self._child.hung(self._patience)
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
            log.error("the lease of worker %s has run out: other workers take its jobs", child.worker_id)
            self._end_child()

    def _leave(self) -> None:
        """Let the child give its jobs back, then end every process that this one has started."""
        # First: draining may take long, and another worker must lead meanwhile.
        self._leader.close()
        deadline = time.monotonic() + self._settings.drain_s
        if self._child is not None:
            self._child.process.terminate()
        while self._draining and time.monotonic() < deadline and self._num_signals < 2:
            _try(self._renew_lease)
            time.sleep(TICK_S)
        self._end_child()
        if self._grader is not None:
            stop(self._grader, grace_s=GRADER_GRACE_S)

    @property
    def _draining(self) -> bool:
        return self._child is not None and self._child.process.poll() is None

    def _end_child(self) -> None:
        """Kill the rest of the child, and end its lease so that other workers can take its jobs at once."""
        if self._child is None:
            return
        self._child.close()
        worker_id, self._child = self._child.worker_id, None
        if worker_id is not None:
            _try(lambda: stop_worker(self._database, worker_id))


def _try(duty: Callable[[], None]) -> None:
    """Do a duty that needs Postgres or the broker. While they are away, log that and leave it to a later tick."""
    try:
        duty()
    except StoreUnavailable as error:
        log.warning("%s", error)
