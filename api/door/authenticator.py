"""Knows keys, and how often each may ask. One per process, for any thread.

Found keys are remembered for KNOWN_S, so a revoked one stops within that; so are secrets that are no key. Requests are
counted in the broker, over a moving minute and for all APIs together; while it is away, nobody is refused. Each API
counts a second's worth ahead, so that most requests wait for no server, and a minute may see that many too many.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass

from limits import RateLimitItemPerMinute
from limits.errors import StorageError
from limits.storage import RedisStorage
from limits.strategies import MovingWindowRateLimiter

from specreason.errors import KeyRefused, LimitReached
from specreason.settings import Settings
from specreason.store.access.keys import ApiKey, find_key
from specreason.store.session import Database

log = logging.getLogger(__name__)

KNOWN_S = 5.0
MOST_KNOWN = 10_000
LONGEST_SECRET = 512  # characters
BROKER_TIMEOUT_S = 0.5
BROKER_REST_S = 5.0  # after a failure it is not asked again for so long


@dataclass(slots=True)
class _Known:
    """A key that counts until `until` (monotonic seconds), and how many of its requests are counted already."""

    key: ApiKey
    until: float
    counted_ahead: int = 0


class Authenticator:
    """Says whose request it is."""

    def __init__(self, database: Database, broker_url: str, settings: Settings) -> None:
        self._database = database
        self._default_rate = settings.requests_per_minute
        self._known: dict[str, _Known] = {}
        self._refused: dict[str, float] = {}  # until when
        self._lock = threading.Lock()
        self._limiter = MovingWindowRateLimiter(
            RedisStorage(
                _as_redis_says(broker_url),
                key_prefix="specreason.rate",
                wrap_exceptions=True,
                socket_timeout=BROKER_TIMEOUT_S,
                socket_connect_timeout=BROKER_TIMEOUT_S,
            )
        )
        self._ask_again_at = 0.0

    def admit_at_once(self, authorization: str | None) -> ApiKey | None:
        """What `admit` returns, where no server need be asked; else None."""
        with self._lock:
            known = self._remembered(_secret(authorization))
            if known is None or known.counted_ahead == 0:
                return None
            known.counted_ahead -= 1
            return known.key

    def remembers(self, authorization: str | None) -> bool:
        """Whether `admit` need not look the key up."""
        with self._lock:
            return self._remembered(_secret(authorization)) is not None

    def admit(self, authorization: str | None) -> ApiKey:
        """The key in an Authorization header, for one request. Raises KeyRefused and LimitReached. Blocks."""
        known = self._find(authorization)
        if known is None:
            raise KeyRefused(
                "the API key is unknown or revoked"
                if authorization
                else "an API key is needed: send it as `Authorization: Bearer sr_…`"
            )
        ahead = self._count(known.key)
        with self._lock:
            known.counted_ahead += ahead
        return known.key

    def knows(self, authorization: str | None) -> bool:
        """Whether the key in an Authorization header counts. That is no request. Blocks."""
        return self._find(authorization) is not None

    def _find(self, authorization: str | None) -> _Known | None:
        secret = _secret(authorization)
        if secret is None:
            return None
        with self._lock:
            known = self._remembered(secret)
            refused = time.monotonic() < self._refused.get(secret, 0)
        if known is not None or refused:
            return known
        until = time.monotonic() + KNOWN_S
        key = find_key(self._database, secret)
        with self._lock:
            before = self._known.pop(secret, None)
            if key is None:
                if len(self._refused) >= MOST_KNOWN:
                    self._refused.clear()
                self._refused[secret] = until
                return None
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            known = _Known(key, until, 0 if before is None else before.counted_ahead)
            self._known[secret] = known
        return known

    def _remembered(self, secret: str | None) -> _Known | None:
        known = self._known.get(secret) if secret is not None else None
        return known if known is not None and time.monotonic() < known.until else None

    def _count(self, key: ApiKey) -> int:
        """Count one request, and perhaps more of the key's: how many more."""
        rate = self._default_rate if key.requests_per_minute is None else key.requests_per_minute
        if time.monotonic() < self._ask_again_at:
            return 0
        limit = RateLimitItemPerMinute(max(rate, 1))
        try:
            for number in (max(rate // 60, 1), 1):
                if rate > 0 and self._limiter.hit(limit, str(key.key_id), cost=number):
                    return number - 1
            retry_after_s = self._limiter.get_window_stats(limit, str(key.key_id)).reset_time - time.time()
        except StorageError as error:
            log.warning("requests are not counted while the broker is away: %s", error)
            self._ask_again_at = time.monotonic() + BROKER_REST_S
            return 0
        raise LimitReached(
            f"rate: this key may send {rate} requests a minute", retry_after_s=min(max(retry_after_s, 1), 60)
        )


def _secret(authorization: str | None) -> str | None:
    scheme, _, secret = (authorization or "").partition(" ")
    secret = secret.strip()
    return secret if scheme.lower() == "bearer" and 0 < len(secret) <= LONGEST_SECRET else None


def _as_redis_says(broker_url: str) -> str:
    """Celery has words of its own for a socket and for the number of a database."""
    if not broker_url.startswith("redis+socket://"):
        return broker_url
    return broker_url.replace("redis+socket://", "redis+unix://", 1).replace("virtual_host=", "db=", 1)
