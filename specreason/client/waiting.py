"""Waits for batches by polling them, at growing intervals."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from uuid import UUID

from specreason.client.values import Batch
from specreason.errors import TimedOut
from specreason.words import counted

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 2.0
# How long to wait for grades after the last job. They take a second or two while a worker is up.
GRADES_S = 30.0


def wait_for(
    poll: Callable[[UUID], Batch],
    batch_ids: Sequence[UUID],
    timeout_s: float | None,
    on_progress: Callable[[Batch], None] | None,
) -> list[Batch]:
    """The batches, once every job of each has ended and its answers are graded. Each round reads all open batches.

    Raises TimedOut after `timeout_s` seconds. If no worker is up to grade, it returns GRADES_S after the last job.
    """
    give_up_at = math.inf if timeout_s is None else time.monotonic() + timeout_s
    pause_s = FIRST_PAUSE_S
    seen: dict[UUID, Batch] = {}
    while True:
        for batch_id in batch_ids:
            if batch_id not in seen or not seen[batch_id].complete:
                seen[batch_id] = poll(batch_id)
                if on_progress is not None:
                    on_progress(seen[batch_id])
        now = time.monotonic()
        num_jobs = sum(batch.num_jobs for batch in seen.values())
        num_open = num_jobs - sum(batch.num_ended for batch in seen.values())
        if not num_open:
            give_up_at = min(give_up_at, now + GRADES_S)
            if now >= give_up_at or all(batch.complete for batch in seen.values()):
                return [seen[batch_id] for batch_id in batch_ids]
        if now >= give_up_at:
            raise TimedOut(f"{num_open} of {counted(num_jobs, 'job')} not ended after {timeout_s:g} s")
        time.sleep(min(pause_s, give_up_at - now))
        pause_s = min(1.5 * pause_s, LONGEST_PAUSE_S)
