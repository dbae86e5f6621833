"""Waits for batches by looking at them, ever less often."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from uuid import UUID

from specreason.client.values import Batch
from specreason.errors import TimedOut

FIRST_LOOK_S, RAREST_LOOK_S = 0.2, 2.0


def wait_for(
    look: Callable[[UUID], Batch],
    batch_ids: Sequence[UUID],
    timeout_s: float | None,
    on_progress: Callable[[Batch], None] | None,
) -> list[Batch]:
    """The batches once every job of each has ended; each round looks at all that are open. Raises TimedOut."""
    give_up_at = None if timeout_s is None else time.monotonic() + timeout_s
    pause_s = FIRST_LOOK_S
    seen: dict[UUID, Batch] = {}
    while True:
        for batch_id in batch_ids:
            if batch_id not in seen or not seen[batch_id].ended:
                seen[batch_id] = look(batch_id)
                if on_progress is not None:
                    on_progress(seen[batch_id])
        num_jobs = sum(batch.num_jobs for batch in seen.values())
        num_open = num_jobs - sum(batch.num_ended for batch in seen.values())
        if not num_open:
            return [seen[batch_id] for batch_id in batch_ids]
        if give_up_at is not None:
            left_s = give_up_at - time.monotonic()
            if left_s <= 0:
                raise TimedOut(f"{num_open} of {num_jobs} jobs have not ended after {timeout_s:g} s")
            pause_s = min(pause_s, left_s)
        time.sleep(pause_s)
        pause_s = min(1.5 * pause_s, RAREST_LOOK_S)
