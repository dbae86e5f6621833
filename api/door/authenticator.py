"""Checks API keys and their rate limits. One per process, for any thread.

A looked-up key is remembered for KNOWN_S, so that a revoked key stops within that time; so is a secret that is not a
key. Requests are counted in the broker, over a moving minute and for all API processes together; while the broker does
not answer, no request is refused. Each process counts a second's worth of requests ahead, so that most requests wait
for no server. A minute may therefore admit up to that many excess requests per process.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass

from anyio import CapacityLimiter, to_thread
from limits import RateLimitItemPerMinute
from limits.errors import StorageError
from limits.storage import RedisStorage
from limits.strategies import MovingWindowRateLimiter

from specreason.addresses import BrokerAddress
from specreason.errors import KeyRefused, LimitReached
from specreason.settings import Settings
from specreason.store.access.keys import ApiKey, find_key
from specreason.store.session import Database
from specreason.words import counted

log = logging.getLogger(__name__)

KNOWN_S = 5.0
MOST_KNOWN = 10_000
# Unknown keys that are looked up at the same time; the other threads and connections serve known callers.
MOST_LOOKUPS = 4
LONGEST_SECRET = 512  # characters
BROKER_TIMEOUT_S = 0.5
BROKER_REST_S = 5.0  # pause after a failure of the broker


@dataclass(slots=True)
class _KnownKey:
    """A key that is valid until `until` (monotonic seconds), and the number of requests counted ahead."""

    key: ApiKey
    until: float
    counted_ahead: int = 0


class Authenticator:
    """Finds the key of a request and applies its rate limit."""

    def __init__(self, database: Database, broker_url: str, settings: Settings) -> None:
        self._database = database
        self._default_rate = settings.requests_per_minute
        self._known: dict[str, _KnownKey] = {}
        self._refused: dict[str, float] = {}  # monotonic seconds until which a secret is refused
        self._lock = threading.Lock()
        self._limiter = MovingWindowRateLimiter(
            RedisStorage(
                BrokerAddress.parse("broker", broker_url).for_redis,
                key_prefix="specreason.rate",
                wrap_exceptions=True,
                socket_timeout=BROKER_TIMEOUT_S,
                socket_connect_timeout=BROKER_TIMEOUT_S,
            )
        )
        self._count_again_at = 0.0
        self._lookups = CapacityLimiter(MOST_LOOKUPS)

    async def admitted(self, authorization: str | None) -> ApiKey:
        """The same as `admit`, without blocking the event loop."""
        key = self.admit_at_once(authorization)
        if key is None:
            limiter = None if self.remembers(authorization) else self._lookups
            key = await to_thread.run_sync(self.admit, authorization, limiter=limiter)
        return key

    def admit_at_once(self, authorization: str | None) -> ApiKey | None:
        """The key that `admit` would return, if no server is needed for that; else None."""
        with self._lock:
            known_key = self._remembered(_secret(authorization))
            if known_key is None or known_key.counted_ahead == 0:
                return None
            known_key.counted_ahead -= 1
            return known_key.key

    def remembers(self, authorization: str | None) -> bool:
        """Whether `admit` can skip looking the key up."""
        with self._lock:
            return self._remembered(_secret(authorization)) is not None

    def admit(self, authorization: str | None) -> ApiKey:
        """The key in an Authorization header, for one request. Raises KeyRefused and LimitReached. Blocks."""
        known_key = self._find(authorization)
        if known_key is None:
            raise KeyRefused(
                "the API key is unknown or revoked"
                if authorization
                else "an API key is needed: send it as `Authorization: Bearer sr_…`"
            )
        with self._lock:  # a key that was looked up again still has what was counted ahead
            if known_key.counted_ahead > 0:
                known_key.counted_ahead -= 1
                return known_key.key
        ahead = self._count(known_key.key)
        with self._lock:
            known_key.counted_ahead += ahead
        return known_key.key

    def knows(self, authorization: str | None) -> bool:
        """Whether the key in an Authorization header is valid. Counts no request. Blocks."""
        return self._find(authorization) is not None

    def _find(self, authorization: str | None) -> _KnownKey | None:
        secret = _secret(authorization)
        if secret is None:
            return None
        with self._lock:
            known_key = self._remembered(secret)
            refused = time.monotonic() < self._refused.get(secret, 0)
        if known_key is not None or refused:
            return known_key
        until = time.monotonic() + KNOWN_S
        key = find_key(self._database, secret)
        with self._lock:
            expired = self._known.pop(secret, None)
            if key is None:
                if len(self._refused) >= MOST_KNOWN:
                    self._refused.clear()
                self._refused[secret] = until
                return None
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            known_key = _KnownKey(key, until, 0 if expired is None else expired.counted_ahead)
            self._known[secret] = known_key
        return known_key

    def _remembered(self, secret: str | None) -> _KnownKey | None:
        known_key = self._known.get(secret) if secret is not None else None
        return known_key if known_key is not None and time.monotonic() < known_key.until else None

    def _count(self, key: ApiKey) -> int:
        """Count one request of the key, and more ahead if the limit allows. Returns how many were counted ahead."""
        rate = self._default_rate if key.requests_per_minute is None else key.requests_per_minute
        if time.monotonic() < self._count_again_at:
            return 0
        limit = RateLimitItemPerMinute(max(rate, 1))
        try:
            for number in (max(rate // 60, 1), 1):
                if rate > 0 and self._limiter.hit(limit, str(key.key_id), cost=number):
                    return number - 1
            retry_after_s = self._limiter.get_window_stats(limit, str(key.key_id)).reset_time - time.time()
        except StorageError as error:
            log.warning("requests are not counted while the broker does not answer: %s", error)
            self._count_again_at = time.monotonic() + BROKER_REST_S
            return 0
        raise LimitReached(
            f"rate: this key may send {counted(rate, 'request')} a minute",
            retry_after_s=min(max(retry_after_s, 1), 60),
        )


def authorization_of(headers: Mapping[str, str]) -> str | None:
    """The Authorization header of a request. Azure's clients send their key as `api-key` instead."""
    key = headers.get("api-key")
    return headers.get("Authorization") or (None if key is None else f"Bearer {key}")


def _secret(authorization: str | None) -> str | None:
    scheme, _, secret = (authorization or "").partition(" ")
    secret = secret.strip()
    return secret if scheme.lower() == "bearer" and 0 < len(secret) <= LONGEST_SECRET else None
