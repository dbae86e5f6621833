"""A real Postgres and a real Valkey that can be killed, and started again behind the same URLs."""

from __future__ import annotations

import shutil
import signal
import time
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from specreason.embedded.leftovers import end_leftovers
from specreason.embedded.postgres import database_url, start_postgres, stop_postgres
from specreason.embedded.process import Child
from specreason.embedded.servers import prepare
from specreason.embedded.valkey import broker_url, start_valkey, stop_valkey
from tests.support.workers.processes import descendants, send

START_S = 60.0


class KillableServers:
    """Both run until the end of the block, apart from the faults. Call it on the main thread only."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._cleanup = ExitStack()
        self._postgres: Child | None = None
        self._broker: Child | None = None

    def __enter__(self) -> KillableServers:
        with ExitStack() as cleanup:
            self._ground = prepare(self._data_dir, START_S, cleanup)
            cleanup.callback(self._stop)
            self.start_postgres()
            self.start_broker()
            self._cleanup = cleanup.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._cleanup.close()

    @property
    def database_url(self) -> str:
        return database_url(self._ground.instance)

    @property
    def broker_url(self) -> str:
        return broker_url(self._ground.instance)

    @property
    def broker_folder(self) -> Path:
        """Where the broker has its socket and saves."""
        return self._ground.instance.sockets / "valkey"

    @property
    def both_run(self) -> bool:
        return self._postgres is not None and self._broker is not None

    @property
    def broker_runs(self) -> bool:
        return self._broker is not None

    def kill_postgres(self, how: signal.Signals) -> None:
        """End Postgres so that it needs recovery. SIGKILL: its backends notice it later. SIGQUIT: an immediate stop."""
        assert self._postgres is not None
        self._postgres.process.send_signal(how)
        self._postgres.process.wait()
        self._postgres = None

    def start_postgres(self) -> None:
        """Start it on the data it left; returns once it answers."""
        self._postgres = start_postgres(self._ground.postgres, self._ground.instance, self._ground.account)

    def freeze_postgres(self, seconds: float) -> None:
        """All of it stands still: connections stay, and nothing answers. The caller stands still, too."""
        assert self._postgres is not None
        postmaster = self._postgres.process.pid
        stopped = [postmaster, *descendants(postmaster)]
        for pid in stopped:
            send(pid, signal.SIGSTOP)
        time.sleep(seconds)
        for pid in reversed(stopped):
            send(pid, signal.SIGCONT)

    def kill_broker(self) -> None:
        assert self._broker is not None
        self._broker.process.kill()
        self._broker.process.wait()
        self._broker = None

    def start_broker(self) -> None:
        """Start it without any data."""
        folder = self._ground.instance.data_dir / "valkey"
        if folder.exists():
            end_leftovers(folder)
            shutil.rmtree(folder)
        self._broker = start_valkey(self._ground.valkey, self._ground.instance)

    def _stop(self) -> None:
        if self._broker is not None:
            stop_valkey(self._broker, self._ground.instance)
        if self._postgres is not None:
            stop_postgres(self._postgres, self._ground.instance)
