"""A pooler in front of Postgres that speaks its protocol as PgBouncer does: to a client it is a server with a key of
its own, and each transaction, or each client, is given one of few sessions."""

from __future__ import annotations

import os
import secrets
import select
import socket
import struct
import threading
from contextlib import suppress
from types import TracebackType
from typing import Literal

import psycopg

SSL_REQUEST, GSS_REQUEST = 80877103, 80877104
PARAMETERS = ("server_version", "client_encoding", "server_encoding", "DateStyle", "integer_datetimes")


class Pooler:
    """Serves the database at `url` with at most `most` sessions until the end of the block.

    `round_robin`: the session that has been free for longest is given out first, else the one that was used last.
    """

    def __init__(
        self,
        url: str,
        mode: Literal["transaction", "session"],
        *,
        most: int = 20,
        round_robin: bool = False,
    ) -> None:
        self._url = url
        self._mode = mode
        self._round_robin = round_robin
        self._room = threading.Semaphore(most)
        self._free: list[psycopg.Connection] = []
        self._lock = threading.Lock()
        self._is_closed = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sessions: list[psycopg.Connection] = []
        with psycopg.connect(url) as model:
            self._greeting = b"".join(
                _message(b"S", name.encode() + b"\0" + value.encode() + b"\0")
                for name in PARAMETERS
                if (value := model.info.parameter_status(name)) is not None
            )
            self._path = f"{model.info.dbname}"
        self.url = f"postgresql://somebody@127.0.0.1:{self._listener.getsockname()[1]}/{self._path}"

    def __enter__(self) -> Pooler:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
        self._listener.close()
        with self._lock:
            self._is_closed = True
            for session in self._sessions:
                session.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        session: psycopg.Connection | None = None
        # The session has logged in; its socket is used past psycopg.
        server: socket.socket | None = None
        with client, suppress(OSError, EOFError):
            if not self._greet(client):
                return
            try:
                while True:
                    ready, _, _ = select.select([client, *([server] if server is not None else [])], [], [])
                    if client in ready:
                        kind, body = _read(client)
                        if kind == b"X":
                            return
                        if session is None or server is None:
                            session = self._take()
                            server = socket.socket(fileno=os.dup(session.pgconn.socket))
                            server.setblocking(True)
                        server.sendall(_message(kind, body))
                    elif server is not None and session is not None:
                        kind, body = _read(server)
                        client.sendall(_message(kind, body))
                        if self._mode == "transaction" and (kind, body) == (b"Z", b"I"):
                            server.close()
                            self._give_back(session)
                            session = server = None
            finally:
                if session is not None and server is not None:
                    server.close()
                    session.close()  # as PgBouncer does with one that is not at rest
                    self._room.release()

    def _greet(self, client: socket.socket) -> bool:
        """Read the start of a client and let it in. False if it asks for what no pooler can give."""
        while True:
            (length,) = struct.unpack("!i", _exactly(client, 4))
            body = _exactly(client, length - 4)
            if struct.unpack("!i", body[:4])[0] not in (SSL_REQUEST, GSS_REQUEST):
                break
            client.sendall(b"N")
        if b"options" in body[4:].split(b"\0")[::2]:
            fields = b"SFATAL\0VFATAL\0C08P01\0Munsupported startup parameter: options\0\0"
            client.sendall(_message(b"E", fields))
            return False
        key = secrets.token_bytes(8)
        client.sendall(
            _message(b"R", struct.pack("!i", 0)) + self._greeting + _message(b"K", key) + _message(b"Z", b"I")
        )
        return True

    def _take(self) -> psycopg.Connection:
        self._room.acquire()
        with self._lock:
            if self._free:
                return self._free.pop(0 if self._round_robin else -1)
        session = psycopg.connect(self._url, autocommit=True)
        with self._lock:
            self._sessions.append(session)
            if self._is_closed:
                session.close()
                raise EOFError
        return session

    def _give_back(self, session: psycopg.Connection) -> None:
        with self._lock:
            self._free.append(session)
        self._room.release()


def _message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body


def _read(source: socket.socket) -> tuple[bytes, bytes]:
    kind = _exactly(source, 1)
    (length,) = struct.unpack("!i", _exactly(source, 4))
    return kind, _exactly(source, length - 4)


def _exactly(source: socket.socket, number: int) -> bytes:
    data = b""
    while len(data) < number:
        if not (piece := source.recv(number - len(data))):
            raise EOFError
        data += piece
    return data
