"""Rings the doorbell after a submission, so that its first jobs need not wait for the dispatcher's next round."""

from __future__ import annotations

import logging

from api.publisher import Publisher
from specreason.errors import StoreUnavailable
from specreason.settings import Settings
from specreason.store.queue.dispatch import take_unpublished, window_of
from specreason.store.queue.workers import live_slots
from specreason.store.session import Database

log = logging.getLogger(__name__)


def announce_queued(database: Database, publisher: Publisher, settings: Settings, pair: str) -> None:
    """Announce the pair's next jobs. What was stored is not lost if that fails: the dispatcher does it later.

    Who has not the turn leaves his to the dispatcher, a second at most, and keeps no connection waiting.
    """
    with publisher.turn() as is_ours:
        if not is_ours:
            return
        try:
            window = window_of(live_slots(database).get(pair, 0), most=settings.publish_window)
            due = take_unpublished(database, pair, window=window, messages=publisher.waiting(pair))
            publisher.announce(pair, due)
        except StoreUnavailable as error:
            log.warning("the batch is stored, and the dispatcher will announce its jobs: %s", error)
