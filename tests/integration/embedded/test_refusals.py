"""Starts of the embedded servers that are refused once the programs are known."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from specreason.embedded import start_servers
from specreason.embedded.datadir import FORMAT, MARKER
from specreason.errors import EmbeddedServerError


def test_a_cluster_of_another_postgres_is_refused(tmp_path: Path) -> None:
    (tmp_path / MARKER).write_text(FORMAT)
    (tmp_path / "password").write_text("p")
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "PG_VERSION").write_text("9\n")
    with pytest.raises(EmbeddedServerError, match=r"Postgres 9\b.*Postgres \d\d"):
        start_servers(tmp_path)


def test_a_lost_password_is_named_and_not_replaced(tmp_path: Path) -> None:
    (tmp_path / MARKER).write_text(FORMAT)
    (tmp_path / "postgres").mkdir()
    with pytest.raises(EmbeddedServerError, match="password"):
        start_servers(tmp_path)
    assert not (tmp_path / "password").exists()


def test_a_thread_that_may_end_before_us_cannot_start_servers(tmp_path: Path) -> None:
    caught: list[EmbeddedServerError] = []

    def start() -> None:
        try:
            start_servers(tmp_path / "data")
        except EmbeddedServerError as error:
            caught.append(error)

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    assert "main thread" in str(caught[0])
