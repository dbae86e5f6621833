"""How a worker listens to the broker: through every fault of it, with the pair loaded and its jobs running.

By itself, Celery ends the process when Redis refuses a command, as a replica does after a failover, and waits half a
minute between two tries to connect to a broker that has been away for long.
"""

from __future__ import annotations

import logging
import time
from typing import Any

from celery.worker.consumer.consumer import Consumer

from specreason.broker import says

log = logging.getLogger(__name__)

# Seconds from a fault of the broker to the next try.
AGAIN_S = 1.0
# Seconds between two looks whether the broker still answers, and how many in a row may find that it has not: it
# answers a worker that waits for a message once a second.
LOOK_EVERY_S = 1.0
MOST_UNHEARD = 4


class PatientConsumer(Consumer):  # type: ignore[misc]  # Celery carries no types
    """Celery's consumer, for which every error is a broker that is away for a while.

    Nothing but talk with the broker happens in its thread: jobs run in threads of their own.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.connection_errors = (Exception,)
        self._asked_at: float | None = None
        self._num_unheard = 0

    def ensure_connected(self, conn: Any) -> Any:
        """Connect, once: whatever fails, `start` begins again."""
        conn.ensure_connection(max_retries=0, reraise_as_library_errors=False)
        # A message that was taken is not sent back at the end: the leader announces its job again.
        conn.default_channel.do_restore = False
        return conn

    def on_connection_error_before_connected(self, exc: Exception) -> None:
        """Wait for the next try."""
        self._rest(exc)

    def on_connection_error_after_connected(self, exc: Exception) -> None:
        """Close what is left of the connection, and wait for the next try."""
        try:
            super().on_connection_error_after_connected(exc)
        except Exception:
            log.warning("the connection to the broker cannot be closed", exc_info=True)
            self.connection = None
        self._rest(exc)

    def register_with_event_loop(self, hub: Any) -> None:
        """Look every second whether the broker answers. Celery ends this with the connection."""
        super().register_with_event_loop(hub)
        self._num_unheard = 0
        hub.call_repeatedly(LOOK_EVERY_S, self._look)

    def _look(self) -> None:
        """Raise ConnectionError if this worker could take a message, and the broker has not answered for a while.

        A connection that is dropped silently never becomes readable, and none that Celery has lost is read.
        """
        channel = self.task_consumer.channel
        asked_at, self._asked_at = self._asked_at, channel._brpop_sent_at
        if asked_at != self._asked_at or not channel.qos.can_consume():
            self._num_unheard = 0
            return
        self._num_unheard += 1
        if self._num_unheard > MOST_UNHEARD:
            # Whatever closes it later would wait for the answer once more.
            channel.client.connection.disconnect()
            raise ConnectionError(f"no answer for {self._num_unheard * LOOK_EVERY_S:.0f} s")

    def _rest(self, exc: Exception) -> None:
        log.warning("the broker is away, and running jobs go on: %s", says(exc))
        time.sleep(AGAIN_S)
