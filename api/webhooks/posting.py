"""One POST to a webhook: to the address that was checked, without redirects and proxies, within seconds.

Nothing of an answer is kept but the class of its status. Failures are words, because a receiver that misbehaves is
an ordinary thing.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Mapping
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from threading import Timer

from api.webhooks.addresses import Resolve, public_address
from api.webhooks.hosts import PORTS, Target
from specreason.errors import InputError

# Of an answer so many bytes are read, and thrown away.
MOST_BYTES = 65_536


class Poster:
    """Sends one message at a time. Use it from any number of threads."""

    def __init__(
        self, *, resolve: Resolve | None = None, tls: ssl.SSLContext | None = None, timeout_s: float = 5.0
    ) -> None:
        """`resolve` gives the address of a host or raises InputError; by default public ones only."""
        self._resolve = resolve or public_address()
        self._tls = tls or ssl.create_default_context()
        self._timeout_s = timeout_s

    def post(self, target: Target, body: str, headers: Mapping[str, str]) -> str | None:
        """None if the receiver answers with a status of 200 to 299, else why the message does not count as delivered.

        Looking up the name takes what the system's resolver takes; all the rest `timeout_s` seconds at most.
        """
        try:
            address = self._resolve(target.origin.host, target.origin.port)
        except InputError as error:
            return str(error)
        is_tls = target.origin.scheme == "https"
        connection = _Pinned(target, address, self._tls if is_tls else None, self._timeout_s)
        watch = Timer(self._timeout_s, connection.abort)
        watch.daemon = True
        watch.start()
        try:
            return self._exchange(connection, target, body, headers)
        except (OSError, HTTPException, ValueError) as error:
            return _reason(error, is_late=connection.is_aborted, timeout_s=self._timeout_s)
        finally:
            watch.cancel()
            connection.close()

    def _exchange(
        self, connection: _Pinned, target: Target, body: str, headers: Mapping[str, str]
    ) -> str | None:
        sent = {"Content-Type": "application/json", "User-Agent": "specreason-webhook", "Connection": "close"}
        connection.request("POST", target.path, body=body.encode(), headers=sent | dict(headers))
        answer = connection.getresponse()
        status = answer.status
        # An end in the middle of the headers looks like an answer.
        if connection.is_aborted:
            raise TimeoutError
        # The status has decided; the rest is read so that the receiver can finish.
        with suppress(OSError, HTTPException, ValueError):
            answer.read(MOST_BYTES)
        if 200 <= status <= 299:
            return None
        if 300 <= status <= 399:
            return f"it answers with status {status}; redirects are not followed"
        return f"it answers with status {status}"


class _Pinned(HTTPConnection):
    """A connection to one address under the name of its host, which TLS and the header Host carry."""

    def __init__(self, target: Target, address: str, tls: ssl.SSLContext | None, timeout_s: float) -> None:
        super().__init__(target.origin.host, target.origin.port, timeout=timeout_s)
        self.default_port = PORTS[target.origin.scheme]
        self.is_aborted = False
        self._address = address
        self._tls = tls
        # As long as the exchange lasts: the base class lets go of its own where an answer says `Connection: close`.
        self._socket: socket.socket | None = None

    def connect(self) -> None:
        """Connect and, with TLS, check the certificate against the host's name."""
        plain = socket.create_connection((self._address, self.port), timeout=self.timeout)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = self._socket = plain
        if self._tls is not None:
            wrapped = self._tls.wrap_socket(plain, server_hostname=self.host, do_handshake_on_connect=False)
            self.sock = self._socket = wrapped
            wrapped.do_handshake()
        if self.is_aborted:
            raise TimeoutError

    def abort(self) -> None:
        """End the exchange from another thread: a thread that waits for the socket gets an error."""
        self.is_aborted = True
        if self._socket is not None:
            with suppress(OSError):
                # Not SSLSocket's own, which would say goodbye first.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


def _reason(error: Exception, *, is_late: bool, timeout_s: float) -> str:
    """Words of our own: an error may repeat what the receiver sent."""
    if is_late or isinstance(error, TimeoutError):
        return f"it does not answer within {timeout_s:g} s"
    if isinstance(error, ssl.SSLCertVerificationError):
        return "its certificate is not valid for its host"
    if isinstance(error, ssl.SSLError):
        return "no TLS connection comes about"
    if isinstance(error, ConnectionRefusedError):
        return "it refuses the connection"
    if isinstance(error, HTTPException | ValueError):
        return "its answer is not HTTP"
    return "the connection breaks or does not come about"
