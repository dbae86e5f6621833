"""Sends requests, repeats those that may safely be sent twice, and turns refusals into errors of `errors.py`."""

from __future__ import annotations

import random
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from ipaddress import ip_address
from typing import Any

import httpx2

from specreason import __version__
from specreason.client.decoding import loaded
from specreason.errors import (
    Conflict,
    InputError,
    InvalidField,
    KeyRefused,
    LimitReached,
    NotAllowed,
    NotFound,
    SpecReasonError,
    StillRunning,
    TooLarge,
    Unreachable,
)

FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 5.0
ERROR_OF = {401: KeyRefused, 403: NotAllowed, 404: NotFound, 409: StillRunning}
# Statuses after which the same request may soon be answered differently.
PASSING = frozenset({409, 429, 502, 503, 504})


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

    A request to another machine goes through the proxies that the environment names.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str | None,
        *,
        timeout_s: float,
        patience_s: float,
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
        try:
            url = httpx2.URL(base_url)
        except httpx2.InvalidURL as error:
            raise InvalidField("API address", f"is no URL ({error})") from None
        try:
            self._http = httpx2.Client(
                base_url=url,
                headers=headers,
                timeout=timeout_s,
                verify=verify or _certificates(url),
                trust_env=not _is_on_this_machine(url),
            )
        except (httpx2.InvalidURL, ValueError, ImportError) as error:
            raise InputError(f"a proxy in the environment cannot be used ({error})") from None

    def close(self) -> None:
        self._http.close()

    def request(self, method: str, path: str, *, safe: bool, **parts: Any) -> httpx2.Response:
        """The answer to one request. If `safe`, it is sent again while the server is away or says to wait."""
        backoff = Backoff(self.patience_s)
        while True:
            asked_s = None
            try:
                response = self._http.request(method, path, **parts)
            except httpx2.HTTPError as error:
                problem: SpecReasonError = self.unreachable(error)
            else:
                if response.is_success:
                    return response
                problem, asked_s = error_of(response), retry_after_s(response)
                if response.status_code not in PASSING:
                    raise problem
            if not safe or not backoff.pause(asked_s):
                raise problem

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
        reason = str(error) or type(error).__name__
        return Unreachable(f"API at {self.base_url} does not answer ({reason}); is it running?")


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


def error_of(response: httpx2.Response) -> SpecReasonError:
    """The exception for a refusal."""
    status = response.status_code
    message, field = _complaint(response)
    if field == "Idempotency-Key":
        return Conflict(message)
    if status == 429:
        return LimitReached(message, retry_after_s=retry_after_s(response) or 0.0)
    if status >= 500:
        return Unreachable(f"API: {message}")
    if status in ERROR_OF:
        return ERROR_OF[status](message)
    if field is None:
        return InputError(message)
    kind = TooLarge if status == 413 else InvalidField
    return kind(field, message.removeprefix(f"{field}: "))


def retry_after_s(response: httpx2.Response) -> float | None:
    """Seconds that the server asks the client to wait, None if it names none. A date counts as none."""
    try:
        return max(0.0, float(response.headers.get("Retry-After", "")))
    except ValueError:
        return None


def _complaint(response: httpx2.Response) -> tuple[str, str | None]:
    """Message and field of an error's body. A proxy may have sent any other body."""
    try:
        told = response.json()
    except ValueError:
        told = None
    if not isinstance(told, dict):
        return f"status {response.status_code} {response.reason_phrase}", None
    message = told.get("detail") or told.get("title")
    field = told.get("field")
    return str(message or f"status {response.status_code}"), None if field is None else str(field)
