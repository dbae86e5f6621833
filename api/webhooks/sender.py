"""Delivers messages to webhooks in threads of its own, so that a slow receiver delays nothing else.

Every API process does it. They share the messages by the rows that each has locked.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

from api.webhooks.keeping import WebhookRules
from api.webhooks.posting import Poster
from api.webhooks.signing import hash_of, message_id, signed_headers
from specreason.errors import InvalidField, SpecReasonError
from specreason.store.read.events import HighWaterMark
from specreason.store.session import Database
from specreason.store.webhooks.ends import collect_ends
from specreason.store.webhooks.outbox import (
    MOST_OF_ONE,
    DueMessage,
    Schedule,
    forget_old,
    settle,
    take_due,
)

log = logging.getLogger(__name__)

EVERY_S = 2.0
FORGET_EVERY_S = 3600.0
AT_ONCE = 8  # messages on their way from one process


class WebhookSender:
    """One per application. Call `start` once, and `close` before the database is closed."""

    def __init__(
        self,
        database: Database,
        rules: WebhookRules,
        *,
        poster: Poster | None = None,
        schedule: Schedule | None = None,
        every_s: float = EVERY_S,
    ) -> None:
        self._database = database
        self._rules = rules
        self._poster = poster or Poster()
        self._schedule = schedule or Schedule()
        self._every_s = every_s
        self._mark = HighWaterMark(database)
        self._lock = threading.Lock()
        self._on_their_way: Counter[UUID] = Counter()  # messages by webhook
        self._wake = threading.Event()
        self._closed = threading.Event()
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="webhook")
        self._thread: threading.Thread | None = None
        self._forgot_at = float("-inf")

    def start(self) -> None:
        """Look for ends and messages now and every few seconds, until `close`."""
        self._thread = threading.Thread(target=self._run, name="webhooks", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Wait for the messages on their way; begin no other."""
        self._closed.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
        self._pool.shutdown(cancel_futures=True)

    def _run(self) -> None:
        while not self._closed.is_set():
            self._wake.clear()
            try:
                self._round()
            except SpecReasonError as error:
                log.warning("webhooks: next try in %.0f s: %s", self._every_s, error)
            except Exception:
                log.exception("webhooks: next try in %.0f s", self._every_s)
            self._wake.wait(self._every_s)

    def _round(self) -> None:
        """Write what has ended, and begin to send what is due, as far as threads are free."""
        # Asked for once: what is stored meanwhile waits for the next round, and no message for the last event.
        up_to = self._mark.latest()
        while collect_ends(self._database, up_to=up_to) and not self._closed.is_set():
            pass
        with self._lock:
            free = AT_ONCE - self._on_their_way.total()
            busy = [each for each, number in self._on_their_way.items() if number >= MOST_OF_ONE]
        if free > 0 and not self._closed.is_set():
            for message in take_due(self._database, self._schedule, limit=free, busy=busy):
                with self._lock:
                    self._on_their_way[message.webhook_id] += 1
                self._pool.submit(self._deliver, message)
        if time.monotonic() > self._forgot_at + FORGET_EVERY_S:
            forget_old(self._database)
            self._forgot_at = time.monotonic()

    def _deliver(self, message: DueMessage) -> None:
        try:
            failure = self._post(message)
            settle(self._database, self._schedule, message.delivery_id, failure)
            said = "delivered" if failure is None else failure
            log.info("webhook %s: message %s: %s", message.webhook_id, message.delivery_id, said)
        except SpecReasonError as error:
            log.warning("webhook %s: sent again later: %s", message.webhook_id, error)
        except Exception:
            log.exception("webhook %s: sent again later", message.webhook_id)
        finally:
            with self._lock:
                self._on_their_way[message.webhook_id] -= 1
                self._on_their_way = +self._on_their_way
            self._wake.set()

    def _post(self, message: DueMessage) -> str | None:
        try:
            target = self._rules.hosts.target(message.url)
        except InvalidField:
            return "its address is no longer allowed"
        secret = self._rules.secret_of(message.webhook_id)
        if hash_of(secret) != message.secret_hash:
            return "SPECREASON_WEBHOOK_KEY has changed, and with it the secret; add the webhook again"
        headers = signed_headers(secret, message_id(message.delivery_id), int(time.time()), message.body)
        return self._poster.post(target, message.body, headers)
