"""Waits for a batch by looking at it, ever less often."""

from __future__ import annotations

import time
from collections.abc import Callable

from specreason.client.values import Batch
from specreason.errors import TimedOut

FIRST_LOOK_S, RAREST_LOOK_S = 0.2, 2.0


def wait_for(
    look: Callable[[], Batch], timeout_s: float | None, on_progress: Callable[[Batch], None] | None
) -> Batch:
    """The batch once every job of it has ended. Raises TimedOut after `timeout_s` seconds."""
    give_up_at = None if timeout_s is None else time.monotonic() + timeout_s
    pause_s = FIRST_LOOK_S
    while True:
        batch = look()
        if on_progress is not None:
            on_progress(batch)
        if batch.ended:
            return batch
        if give_up_at is not None:
            left_s = give_up_at - time.monotonic()
            if left_s <= 0:
                num_open = batch.num_jobs - batch.num_ended
                raise TimedOut(f"{num_open} of {batch.num_jobs} jobs have not ended after {timeout_s:g} s")
            pause_s = min(pause_s, left_s)
        time.sleep(pause_s)
        pause_s = min(1.5 * pause_s, RAREST_LOOK_S)
