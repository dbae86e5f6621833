"""A server with scripted answers, one for each connection: it answers as a real one does only when it fails."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field


@dataclass(slots=True)
class ScriptedServer:
    """`requests` holds the whole text of each request."""

    url: str
    requests: list[str] = field(default_factory=list)


@contextmanager
def scripted_server(
    answers: Sequence[bytes], *, tls: ssl.SSLContext | None = None
) -> Iterator[ScriptedServer]:
    """Send each answer unchanged to one request, and close the connection. After the last one, it refuses."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        scheme = "http" if tls is None else "https"
        server = ScriptedServer(f"{scheme}://127.0.0.1:{listener.getsockname()[1]}")

        def serve() -> None:
            with suppress(OSError):  # the test has ended
                for answer in answers:
                    connection, _ = listener.accept()
                    if tls is not None:
                        connection = tls.wrap_socket(connection, server_side=True)
                    with connection:
                        server.requests.append(_request(connection))
                        connection.sendall(answer)
                listener.close()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server


@contextmanager
def silent_server() -> Iterator[str]:
    """The address of a server that takes connections and requests and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def answer(status: str, body: str, *headers: str, kind: str = "application/json") -> bytes:
    """A whole answer."""
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(body.encode())}", *headers]
    return "\r\n".join([*lines, "Connection: close", "", body]).encode()


def broken_off(body: str, *, kind: str) -> bytes:
    """An answer of unknown length that ends before its end."""
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n"
    return f"{head}{len(body.encode()):x}\r\n{body}\r\n".encode()


def _request(connection: socket.socket) -> str:
    """Head and body, by the length that the head gives."""
    content = b""
    while b"\r\n\r\n" not in content:
        content += connection.recv(65536)
    head, _, body = content.partition(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    missing = int(lengths[0].split(b":")[1]) - len(body) if lengths else 0
    while missing > 0:
        more = connection.recv(65536)
        content, missing = content + more, missing - len(more)
    return content.decode()
