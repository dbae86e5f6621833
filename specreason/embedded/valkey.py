"""An embedded Valkey (or Redis): the broker, on a socket in its own folder, with a password.

It runs as the user that starts it. Its append-only file survives any kill of the process. A power loss may lose the
last second, which the pipeline tolerates: Postgres is the truth.
"""

from __future__ import annotations

import signal
import socket
from pathlib import Path

from specreason.embedded import process
from specreason.embedded.datadir import Instance
from specreason.embedded.leftovers import end_leftovers
from specreason.embedded.process import Child

SOCKET = "s"

# `dir` and the socket are relative to the folder that the server is started in.
CONFIGURATION = """\
port 0
unixsocket {socket}
unixsocketperm 700
requirepass {password}
dir .
daemonize no
appendonly yes
appendfsync everysec
save ""
maxmemory-policy noeviction
"""


def start_valkey(program: Path, instance: Instance) -> Child:
    """Start the server and wait until it has read its file and answers."""
    folder = instance.data_dir / "valkey"
    folder.mkdir(mode=0o700, exist_ok=True)
    end_leftovers(folder)
    (folder / SOCKET).unlink(missing_ok=True)
    server = process.start(
        "Valkey",
        [program, "-"],
        log=instance.data_dir / "valkey.log",
        death_signal=signal.SIGTERM,
        cwd=folder,
        stdin=CONFIGURATION.format(socket=SOCKET, password=instance.password).encode(),
    )
    try:
        server.wait_ready(lambda: _answers(instance), instance.timeout_s)
    except BaseException:
        stop_valkey(server, instance)
        raise
    return server


def stop_valkey(server: Child, instance: Instance) -> None:
    """Write pending data to the disk and end the server."""
    server.stop(signal.SIGTERM)
    end_leftovers(instance.data_dir / "valkey")


def broker_url(instance: Instance) -> str:
    """In kombu's form for a socket."""
    return f"redis+socket://:{instance.password}@{instance.sockets / 'valkey' / SOCKET}?virtual_host=0"


def _answers(instance: Instance) -> bool:
    """Whether the server answers PING. While it reads its file it answers -LOADING."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(5)
        try:
            client.connect(str(instance.sockets / "valkey" / SOCKET))
            client.sendall(f"AUTH {instance.password}\r\nPING\r\n".encode())
            with client.makefile("rb") as replies:
                return replies.readline() == b"+OK\r\n" and replies.readline() == b"+PONG\r\n"
        except OSError:
            return False
