"""Real Postgres and Valkey: which data survives a stop, and which users may connect and start them."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from contextlib import closing
from pathlib import Path

import kombu
import psycopg
import pytest
import sqlalchemy as sa

from specreason.embedded import start_servers
from specreason.embedded.binaries import COPY_PREFIX, find_postgres
from specreason.embedded.leftovers import server_pids
from specreason.errors import EmbeddedServerError
from tests.support.embedded import copy_wheels, held_url, hold, query, valkey_replies, wait_until_gone

ORDINARY_USER = pwd.getpwnam("nobody").pw_uid  # any will do that has an entry: initdb asks for its name
as_root = pytest.mark.skipif(
    os.geteuid() != 0, reason="needs root: as an ordinary user all the others show it"
)


def test_rows_and_messages_survive_a_stop_and_a_start(data_dir: Path) -> None:
    with start_servers(data_dir) as first:
        pass
    first.stop()
    wait_until_gone(data_dir)
    with start_servers(data_dir) as servers:
        assert (servers.database_url, servers.broker_url) == (first.database_url, first.broker_url)
        engine = sa.create_engine(servers.database_url)
        with engine.connect() as connection:
            assert connection.scalar(sa.text("SELECT answer FROM kept")) == 42
        engine.dispose()
        with kombu.Connection(servers.broker_url) as broker, closing(broker.SimpleQueue("kept")) as queue:
            message = queue.get(timeout=2)
            assert message.payload == {"answer": 42}
            message.requeue()
        assert server_pids(data_dir / "postgres")


def test_the_printed_url_works_in_psql_for_any_value_of_pgport(data_dir: Path) -> None:
    psql = shutil.which(find_postgres() / "psql")
    if psql is None:
        pytest.skip("these Postgres programs come without psql")
    with start_servers(data_dir) as servers:
        command = [psql, servers.database_url, "-Atc", "SELECT answer FROM kept"]
        assert subprocess.check_output(command, text=True, env={"PGPORT": "7"}) == "42\n"


def test_only_the_stored_password_opens_the_servers_and_ps_does_not_show_it(data_dir: Path) -> None:
    password = (data_dir / "password").read_text().strip()
    with start_servers(data_dir) as servers:
        for wrong in (
            servers.database_url.replace(password, "guess"),
            servers.database_url.replace(f":{password}", ""),
        ):
            with pytest.raises(psycopg.OperationalError, match="password"):
                psycopg.connect(wrong)
        assert valkey_replies(data_dir, "PING").startswith(b"-NOAUTH")
        assert valkey_replies(data_dir, "AUTH guess").startswith(b"-WRONGPASS")
        for child in servers.children:
            assert password not in Path(f"/proc/{child.process.pid}/cmdline").read_text()
        assert password not in repr(servers)


def test_no_tcp_port_is_opened(data_dir: Path) -> None:
    def listening() -> set[str]:
        lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
        return {line.split()[9] for line in lines if line.split()[3] == "0A"}

    with start_servers(data_dir) as servers:
        ours = {
            str(link.readlink()).removeprefix("socket:[").removesuffix("]")
            for child in servers.children
            for link in Path(f"/proc/{child.process.pid}/fd").iterdir()
            if link.is_symlink()
        }
        assert ours
        assert not ours & listening()


def test_a_second_instance_on_the_same_directory_is_refused(data_dir: Path) -> None:
    with start_servers(data_dir) as servers:
        with pytest.raises(EmbeddedServerError, match="in use"):
            start_servers(data_dir)
        assert query(servers, "SELECT answer FROM kept") == 42


def test_a_long_path_with_odd_characters_works(tmp_path: Path) -> None:
    directory = tmp_path / "a, b & ü%20" / ("long" * 20) / ("path" * 20)
    with start_servers(directory) as servers:
        assert query(servers, "SELECT 1") == 1
        with kombu.Connection(servers.broker_url) as broker, closing(broker.SimpleQueue("q")) as queue:
            queue.put({})
    wait_until_gone(directory)


@as_root
def test_an_ordinary_user_can_start_the_servers(open_folder: Path) -> None:
    home = open_folder / "home"
    home.mkdir()
    os.chown(home, ORDINARY_USER, ORDINARY_USER)
    open_folder.chmod(0o755)
    wheels = copy_wheels(open_folder / "wheels")
    with hold(home / "data", ORDINARY_USER, packages=wheels) as parent:
        url = held_url(parent)
        with psycopg.connect(url) as connection:
            assert Path(f"/proc/{connection.info.backend_pid}").stat().st_uid == ORDINARY_USER
        parent.stdin.write("\n")
    assert parent.returncode == 0
    wait_until_gone(home / "data")


@as_root
def test_root_can_start_from_an_environment_that_only_root_can_read(open_folder: Path) -> None:
    wheels = copy_wheels(open_folder / "wheels")  # below a folder with mode 0700, like the data directory
    copies = set(Path(tempfile.gettempdir()).glob(COPY_PREFIX + "*"))
    with hold(open_folder / "data", packages=wheels) as parent:
        url = held_url(parent)
        with psycopg.connect(url) as connection:
            assert COPY_PREFIX in str(Path(f"/proc/{connection.info.backend_pid}/exe").readlink())
        parent.kill()
    wait_until_gone(open_folder / "data")
    with hold(open_folder / "data", packages=wheels) as parent:
        held_url(parent)
        parent.stdin.write("\n")
    assert set(Path(tempfile.gettempdir()).glob(COPY_PREFIX + "*")) == copies
    assert open_folder.stat().st_mode & 0o777 == 0o700
