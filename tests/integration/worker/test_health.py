"""The probe of a worker's container."""

from __future__ import annotations

import runpy
import socket
from pathlib import Path

import pytest

from specreason.store.queue.workers import stop_worker
from specreason.store.session import Database
from tests.support.store.builders import expire, start_worker

PROBE = Path(__file__).parents[3] / "docker" / "worker_health.py"


def test_a_worker_is_healthy_while_it_holds_its_lease(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPECREASON_DATABASE_URL", database_url)
    monkeypatch.setattr(socket, "gethostname", lambda: "here")
    status = runpy.run_path(str(PROBE))["main"]
    assert status() == 1
    late, stopped = start_worker(database), start_worker(database)
    assert status() == 0
    expire(database, late)
    assert status() == 0
    stop_worker(database, stopped)
    assert status() == 1
