"""Sends requests, and repeats those that may safely be sent twice."""

from __future__ import annotations

import math
import random
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from ipaddress import ip_address
from threading import Timer
from typing import Any

import httpx2

from specreason import __version__
from specreason.client.decoding import loaded
from specreason.client.refusals import PASSING, error_of, retry_after_s
from specreason.errors import InputError, InvalidField, NotConnected, SpecReasonError, Unreachable

FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 5.0
# A request that has been silent for so long is reported.
SILENCE_S = 3.0
# The last try before a deadline gets at least this much time.
LEAST_S = 0.05


class Backoff:
    """Pauses that double, with some chance in them, until `patience_s` seconds from the first failure are over."""

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self.reset()

    def reset(self) -> None:
        """Record a success: the next failure counts as the first one."""
        self._pause_s = FIRST_PAUSE_S
        self.answered()

    def answered(self) -> None:
        """Record that the server answers: patience starts again at the next failure, but pauses keep growing."""
        self._give_up_at: float | None = None

    def pause(self, asked_s: float | None = None) -> bool:
        """Sleep, for `asked_s` if the server named a time. False, at once, if patience would end before that."""
        now = time.monotonic()
        if self._give_up_at is None:
            self._give_up_at = now + self._patience_s
        left_s = self._give_up_at - now
        pause_s = min(self._pause_s * random.uniform(0.5, 1.0), left_s) if asked_s is None else asked_s
        if left_s <= 0 or pause_s > left_s:
            return False
        self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)
        time.sleep(pause_s)
        return True


class Transport:
    """One connection pool to one API. A safe request is tried again for `patience_s` seconds.

    `local_patience_s`, if shorter, counts where this machine itself refuses the connection. `on_delay` is told in words
    what a request waits for: at its first failure, and when it has been silent for long. A request to another machine
    goes through the proxies that the environment names.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str | None,
        *,
        timeout_s: float,
        patience_s: float,
        local_patience_s: float = math.inf,
        on_delay: Callable[[str], None] | None = None,
        verify: ssl.SSLContext | None = None,
    ) -> None:
        if not base_url.startswith(("http://", "https://")):
            raise InvalidField("API address", f"must begin with http:// or https:// (got {base_url!r})")
        headers = {"User-Agent": f"specreason/{__version__}"}
        if api_key is not None:
            # The message does not repeat the key.
            if not api_key.isascii() or not api_key.isprintable() or " " in api_key:
                raise InvalidField(
                    "API key", "must be visible ASCII characters, without spaces or line breaks"
                )
            headers["Authorization"] = f"Bearer {api_key}"
        self.base_url = base_url
        self.patience_s = patience_s
        self._timeout_s = timeout_s
        self._on_delay = on_delay
        try:
            url = httpx2.URL(base_url)
        except httpx2.InvalidURL as error:
            raise InvalidField("API address", f"is no URL ({error})") from None
        is_here = _is_on_this_machine(url)
        self._refused_patience_s = min(patience_s, local_patience_s) if is_here else patience_s
        try:
            self._http = httpx2.Client(
                base_url=url,
                headers=headers,
                timeout=timeout_s,
                verify=verify or _certificates(url),
                trust_env=not is_here,
            )
        except (httpx2.InvalidURL, ValueError, ImportError) as error:
            raise InputError(f"a proxy in the environment cannot be used ({error})") from None

    def close(self) -> None:
        self._http.close()

    def request(
        self,
        method: str,
        path: str,
        *,
        safe: bool,
        silence_s: float | None = None,
        within_s: float = math.inf,
        **parts: Any,
    ) -> httpx2.Response:
        """The answer to one request. If `safe`, it is sent again while the server is away or says to wait.

        `silence_s` bounds the silence in one answer, and leaves reports of it to the caller; `within_s` bounds all
        tries. Raises NotConnected only if no try reached the API.
        """
        give_up_at = time.monotonic() + within_s
        backoff: Backoff | None = None
        is_reached = False
        while True:
            asked_s, silent_s = None, 0.0
            timeout_s = self._timeout_s if silence_s is None else silence_s
            timeout_s = min(timeout_s, max(give_up_at - time.monotonic(), LEAST_S))
            try:
                with self._reported(timeout_s, is_due=silence_s is None):
                    response = self._http.request(method, path, timeout=timeout_s, **parts)
            except httpx2.HTTPError as error:
                problem: SpecReasonError = self.unreachable(error)
                silent_s = timeout_s if isinstance(error, httpx2.TimeoutException) else 0.0
            else:
                if response.is_success:
                    return response
                problem, asked_s = error_of(response), retry_after_s(response)
                if response.status_code not in PASSING:
                    raise problem
            is_reached = is_reached or not isinstance(problem, NotConnected)
            if not safe:
                raise problem
            if backoff is None:
                patience_s = self.patience_s if is_reached else self._refused_patience_s
                # Patience has been used up by a silent server.
                patience_s = max(0.0, min(patience_s - silent_s, give_up_at - time.monotonic()))
                backoff = Backoff(patience_s)
                self._tell_of_retry(problem, patience_s, asked_s)
            if not backoff.pause(asked_s):
                if is_reached and isinstance(problem, NotConnected):
                    raise Unreachable(str(problem))
                raise problem

    def try_once(self, path: str) -> httpx2.Response:
        """The answer to a read that is sent once. Reports are the caller's."""
        return self.request("GET", path, safe=False, silence_s=self._timeout_s)

    @contextmanager
    def stream(
        self, path: str, *, headers: Mapping[str, str] | None = None, timeout_s: float | None = None
    ) -> Iterator[httpx2.Response]:
        """An answer that is read piece by piece. It is requested once: only the reader knows how far it has read."""
        timeout = self._http.timeout if timeout_s is None else timeout_s
        try:
            with self._http.stream("GET", path, headers=headers, timeout=timeout) as response:
                if not response.is_success:
                    response.read()
                    raise error_of(response)
                yield response
        except httpx2.HTTPError as error:
            raise self.unreachable(error) from error

    def unreachable(self, error: httpx2.HTTPError) -> Unreachable:
        """The error for a request without an answer."""
        reason = str(error) or type(error).__name__
        without = isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.PoolTimeout)
        kind = NotConnected if without else Unreachable
        return kind(f"API at {self.base_url} does not answer ({reason}); is it running?")

    def _tell_of_retry(self, problem: SpecReasonError, patience_s: float, asked_s: float | None) -> None:
        if self._on_delay is None or patience_s <= (asked_s or 0.0):
            return
        what = "does not answer" if isinstance(problem, Unreachable) else f"refuses for now ({problem})"
        self._on_delay(f"the API at {self.base_url} {what}; trying for {round(patience_s, 1):g} s")

    @contextmanager
    def _reported(self, timeout_s: float, *, is_due: bool) -> Iterator[None]:
        """Report the silence if the block takes longer than SILENCE_S."""
        if self._on_delay is None or not is_due or timeout_s <= SILENCE_S:
            yield
            return
        told = f"the API at {self.base_url} has not answered for {SILENCE_S:g} s"
        timer = Timer(SILENCE_S, self._on_delay, [f"{told}; waiting up to {timeout_s:g} s"])
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()


def _certificates(url: httpx2.URL) -> ssl.SSLContext:
    """Certificates that SSL_CERT_FILE or SSL_CERT_DIR name, else the system's; none without TLS: loading is slow."""
    if url.scheme != "https":
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        return httpx2.create_ssl_context()
    except OSError as error:
        raise InvalidField(
            "SSL_CERT_FILE", f"is no file of certificates ({error.strerror or error})"
        ) from error


def _is_on_this_machine(url: httpx2.URL) -> bool:
    try:
        return ip_address(url.host).is_loopback
    except ValueError:
        return url.host == "localhost"


def body_of(response: httpx2.Response) -> Any:
    """The JSON of an answer. Raises Unreachable."""
    return loaded(response.content, "an answer")


def lines_of(response: httpx2.Response) -> Iterator[str]:
    """The lines of an answer that is read piece by piece, without empty ones."""
    rest = b""
    # `iter_lines` would take U+2028 in a text for the end of a line.
    for chunk in response.iter_bytes():
        *whole, rest = (rest + chunk).split(b"\n")
        yield from (line.decode(errors="replace") for line in whole if line.strip())
    if rest.strip():
        yield rest.decode(errors="replace")
