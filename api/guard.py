"""Knows keys, and how often each may ask. One per process, for any thread.

Found keys are remembered for KNOWN_S, so a revoked one stops within that. Requests are counted in the broker, over a
moving minute; while it is away, nobody is refused.
"""

from __future__ import annotations

import logging
import threading
import time

from limits import RateLimitItemPerMinute
from limits.errors import StorageError
from limits.storage import RedisStorage
from limits.strategies import MovingWindowRateLimiter

from specreason.errors import KeyRefused, LimitReached
from specreason.settings import Settings
from specreason.store.keys import ApiKey, find_key
from specreason.store.session import Database

log = logging.getLogger(__name__)

KNOWN_S = 2.0
MOST_KNOWN = 10_000
LONGEST_SECRET = 512  # characters
BROKER_TIMEOUT_S = 0.5
BROKER_REST_S = 5.0  # after a failure it is not asked again for so long


class Guard:
    """Says whose request it is."""

    def __init__(self, database: Database, broker_url: str, settings: Settings) -> None:
        self._database = database
        self._default_rate = settings.requests_per_minute
        self._known: dict[str, tuple[ApiKey, float]] = {}
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

    def admit(self, authorization: str | None) -> ApiKey:
        """The key in an Authorization header, for one request. Raises KeyRefused and LimitReached."""
        key = self._find(authorization)
        if key is None:
            raise KeyRefused(
                "the API key is unknown or revoked"
                if authorization
                else "an API key is needed: send it as `Authorization: Bearer sr_…`"
            )
        self._count(key)
        return key

    def knows(self, authorization: str | None) -> bool:
        """Whether the key in an Authorization header counts. That is no request."""
        return self._find(authorization) is not None

    def _find(self, authorization: str | None) -> ApiKey | None:
        scheme, _, secret = (authorization or "").partition(" ")
        secret = secret.strip()
        if scheme.lower() != "bearer" or not 0 < len(secret) <= LONGEST_SECRET:
            return None
        with self._lock:
            key, until = self._known.get(secret, (None, 0.0))
        if time.monotonic() < until:
            return key
        asked_at = time.monotonic()
        key = find_key(self._database, secret)
        with self._lock:
            self._known.pop(secret, None)
            if key is not None:
                if len(self._known) >= MOST_KNOWN:
                    self._known.clear()
                self._known[secret] = (key, asked_at + KNOWN_S)
        return key

    def _count(self, key: ApiKey) -> None:
        rate = self._default_rate if key.requests_per_minute is None else key.requests_per_minute
        if time.monotonic() < self._ask_again_at:
            return
        limit = RateLimitItemPerMinute(max(rate, 1))
        try:
            if rate > 0 and self._limiter.hit(limit, str(key.key_id)):
                return
            retry_after_s = self._limiter.get_window_stats(limit, str(key.key_id)).reset_time - time.time()
        except StorageError as error:
            log.warning("requests are not counted while the broker is away: %s", error)
            self._ask_again_at = time.monotonic() + BROKER_REST_S
            return
        raise LimitReached(
            f"rate: this key may send {rate} requests a minute", retry_after_s=min(max(retry_after_s, 1), 60)
        )


def _as_redis_says(broker_url: str) -> str:
    """Celery has words of its own for a socket and for the number of a database."""
    if not broker_url.startswith("redis+socket://"):
        return broker_url
    return broker_url.replace("redis+socket://", "redis+unix://", 1).replace("virtual_host=", "db=", 1)
