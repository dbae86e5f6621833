"""Real Postgres and Valkey, killed at every point: nothing is left running, and nothing is lost."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from contextlib import closing
from pathlib import Path

import kombu
import psycopg
import pytest

from specreason.embedded import start_servers
from specreason.embedded.datadir import FORMAT, MARKER
from specreason.embedded.postgres import server_account
from specreason.errors import EmbeddedServerError
from tests.support.embedded import held_url, hold, query, running, wait_until_gone


def test_sigkill_of_the_parent_leaves_no_process_and_no_socket(data_dir: Path) -> None:
    with hold(data_dir) as parent:
        url = held_url(parent)
        client = psycopg.connect(url)  # an open connection must not keep the server alive
        assert len(running(data_dir)) > 2
        parent.kill()
    wait_until_gone(data_dir)
    client.close()
    with start_servers(data_dir) as servers:
        assert query(servers, "SELECT answer FROM kept") == 42


def test_a_start_right_after_sigkill_of_the_parent_waits_for_the_old_servers(data_dir: Path) -> None:
    with hold(data_dir) as parent:
        held_url(parent)
        parent.kill()
    with start_servers(data_dir) as servers:
        assert query(servers, "SELECT answer FROM kept") == 42


def test_ctrl_c_in_the_terminal_does_not_reach_the_servers_before_us(data_dir: Path) -> None:
    with start_servers(data_dir) as servers:
        assert all(os.getpgid(child.process.pid) != os.getpgrp() for child in servers.children)


def test_kill_9_of_both_servers_is_noticed_and_keeps_rows_and_messages(data_dir: Path) -> None:
    with start_servers(data_dir) as servers:
        servers.check()
        query(servers, "INSERT INTO kept VALUES (43)")
        for child in servers.children:
            os.kill(child.process.pid, signal.SIGKILL)
            child.process.wait()
        with pytest.raises(EmbeddedServerError, match=r"Postgres .* -9"):
            servers.check()
    with start_servers(data_dir) as servers:
        assert query(servers, "DELETE FROM kept WHERE answer = 43 RETURNING answer") == 43
        with kombu.Connection(servers.broker_url) as broker, closing(broker.SimpleQueue("kept")) as queue:
            assert queue.qsize() == 1


def test_a_pid_file_that_names_a_zombie_does_not_stop_a_start(data_dir: Path) -> None:
    account = server_account()
    zombie = subprocess.Popen(["/bin/true"], user=account.uid if account else None)
    lock = data_dir / "postgres" / ".s.PGSQL.5432.lock"
    for file in (data_dir / "postgres" / "postmaster.pid", lock):
        file.write_text(f"{zombie.pid}\n{data_dir / 'postgres'}\n1700000000\n5432\n.\n\n")
    with socket.socket(socket.AF_UNIX) as left, socket.socket(socket.AF_UNIX) as other:
        left.bind(str(lock.with_suffix("")))
        other.bind(str(data_dir / "valkey" / "s"))
    with start_servers(data_dir) as servers:
        assert query(servers, "SELECT answer FROM kept") == 42
    zombie.wait()


def test_a_first_start_that_was_killed_is_repeated(tmp_path: Path) -> None:
    (tmp_path / MARKER).write_text(FORMAT)
    (tmp_path / "postgres.new").mkdir()
    (tmp_path / "postgres.new" / "PG_VERSION").write_text("18\n")
    with start_servers(tmp_path) as servers:
        assert query(servers, "SELECT 1") == 1
    assert not (tmp_path / "postgres.new").exists()


def test_a_failing_server_shows_the_end_of_its_log_and_leaves_nothing_running(data_dir: Path) -> None:
    settings = data_dir / "postgres" / "postgresql.auto.conf"
    before = settings.read_text()
    settings.write_text("shared_buffers = 'many'\n")
    try:
        with pytest.raises(EmbeddedServerError, match=r'(?s)Postgres .*"shared_buffers"'):
            start_servers(data_dir)
    finally:
        settings.write_text(before)
    wait_until_gone(data_dir)
    start_servers(data_dir).stop()
