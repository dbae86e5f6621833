"""A proxy in front of a server, which can cut its connections or drop them silently, as networks do."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from types import TracebackType


class _Connection:
    """A client and its connection to the server. Once it is dropped, nothing passes, and neither side is told."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self._ends = (client, server)
        self._is_dropped = False
        for source, target in (self._ends, self._ends[::-1]):
            threading.Thread(target=self._pump, args=(source, target), daemon=True).start()

    def drop(self) -> None:
        self._is_dropped = True

    def cut(self) -> None:
        for end in self._ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if not self._is_dropped:
                    target.sendall(data)
        if not self._is_dropped:
            self.cut()


class Proxy:
    """Listens at `port`, and passes on what it hears to a server until the end of the block.

    `target` is the path of a unix socket, or a port of this machine.
    """

    def __init__(self, target: str | int) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._connections: list[_Connection] = []
        self._is_silent = False
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> Proxy:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
        self._listener.close()
        self.cut()

    def cut(self) -> None:
        """Cut every connection; new ones are let in."""
        connections, self._connections = self._connections, []
        for connection in connections:
            connection.cut()

    def go_silent(self) -> None:
        """Drop every connection, and those that come until `speak`, without a word to either side."""
        self._is_silent = True
        for connection in self._connections:
            connection.drop()

    def speak(self) -> None:
        """Pass new connections on again."""
        self._is_silent = False

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                try:
                    connection = _Connection(client, self._connect())
                except OSError:  # the server is away
                    client.close()
                    continue
                if self._is_silent:
                    connection.drop()
                self._connections.append(connection)

    def _connect(self) -> socket.socket:
        if isinstance(self._target, int):
            return socket.create_connection(("127.0.0.1", self._target))
        server = socket.socket(socket.AF_UNIX)
        server.connect(self._target)
        return server
