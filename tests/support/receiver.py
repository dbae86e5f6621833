"""A receiver of webhooks on this machine: HTTPS with a certificate of its own, and what it got."""

from __future__ import annotations

import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

HOST = "hooks.test"


@dataclass(frozen=True, slots=True)
class Got:
    """One request: its time, path, headers in lower case, and body."""

    at: float
    path: str
    headers: dict[str, str]
    body: str


@dataclass(slots=True)
class Receiver:
    """`answer` gives the status and headers for the n-th request, from 0; it may take its time."""

    port: int
    certificate: Path
    tls: ssl.SSLContext  # that trusts it
    answer: Callable[[int], tuple[int, dict[str, str]]] = lambda number: (200, {})
    got: list[Got] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def origin(self) -> str:
        return f"{HOST}:{self.port}"

    @property
    def url(self) -> str:
        return f"https://{self.origin}/hook?x=1"


@contextmanager
def receiving(folder: Path, *, host: str = HOST) -> Iterator[Receiver]:
    """A receiver while the block runs. Its certificate is for `host`."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
            *("-nodes", "-days", "2", "-subj", f"/CN={host}", "-addext", f"subjectAltName=DNS:{host}"),
            *("-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    own.load_cert_chain(certificate, key)
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    receiver = Receiver(server.server_port, certificate, ssl.create_default_context(cafile=str(certificate)))
    server.RequestHandlerClass = _handler(receiver)  # type: ignore[assignment]
    server.daemon_threads = True
    server.socket = own.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.handle_error = lambda *_: None  # type: ignore[assignment,misc]  # clients hang up on purpose
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            headers = {name.lower(): value for name, value in self.headers.items()}
            with receiver.lock:
                number = len(receiver.got)
                receiver.got.append(Got(time.monotonic(), self.path, headers, body))
            status, added = receiver.answer(number)
            self.send_response(status)
            for name, value in added.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(b"secret words of the receiver")

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: the test reads `got`."""

    return Handler
