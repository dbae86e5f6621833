"""Waits for batches by polling them, at growing intervals and through outages of the API."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from specreason.client.deadline import Deadline, in_background, silences
from specreason.client.values import Batch
from specreason.errors import LimitReached, TimedOut, TransientError, Unreachable
from specreason.words import counted

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 2.0
# How long to wait for grades after the last job. They take a second or two while a worker is up.
GRADES_S = 30.0
# An answer that takes longer counts as an outage.
SILENCE_S = 5.0
# The longest outage that a wait without a timeout outlasts.
OUTAGE_S = 600.0
# A server that limits requests may ask for no longer pause.
LONGEST_ASKED_S = 60.0

# One try to read a batch.
Poll = Callable[[UUID], Batch]
# Told while the API is away: for how many seconds by now, and why.
OnOutage = Callable[[float, TransientError], None]


def wait_for(
    poll: Poll,
    batch_ids: Sequence[UUID],
    timeout_s: float | None,
    outage_s: float,
    *,
    on_progress: Callable[[Batch], None] | None,
    on_outage: OnOutage | None,
) -> list[Batch]:
    """The batches, once every job of each has ended and its answers are graded. Each round reads all open batches.

    Raises TimedOut after `timeout_s` seconds, whatever the API does. Without a timeout, raises Unreachable once the API
    has been away for `outage_s`. If no worker is up to grade, it returns GRADES_S after the last job.
    """
    deadline = Deadline.after(timeout_s).for_an_answer()
    reader = _Reader(poll, deadline, outage_s, on_outage)
    pause_s = FIRST_PAUSE_S
    seen: dict[UUID, Batch] = {}
    have_ended = False
    while True:
        try:
            for batch_id in batch_ids:
                if batch_id not in seen or not seen[batch_id].complete:
                    seen[batch_id] = reader.read(batch_id)
                    if on_progress is not None:
                        on_progress(seen[batch_id])
        except TimedOut as error:
            if not have_ended:
                raise TimedOut(_told(seen, timeout_s, reader.away_s)) from error
        if have_ended != all(batch.ended for batch in seen.values()):
            # A batch may be open again: somebody has requeued its jobs.
            have_ended = not have_ended
            reader.deadline = deadline.or_after(GRADES_S) if have_ended else deadline
        is_over = reader.deadline.is_over
        if have_ended and (is_over or all(batch.complete for batch in seen.values())):
            return [seen[batch_id] for batch_id in batch_ids]
        if is_over:
            raise TimedOut(_told(seen, timeout_s, reader.away_s))
        time.sleep(min(pause_s, reader.deadline.left_s))
        pause_s = min(1.5 * pause_s, LONGEST_PAUSE_S)


@dataclass(slots=True)
class _Reader:
    """Reads a batch, again and again while the API is away. `away_s` is how long it has been away, 0 if it answers."""

    poll: Poll
    deadline: Deadline
    outage_s: float
    on_outage: OnOutage | None
    away_s: float = 0.0

    def read(self, batch_id: UUID) -> Batch:
        """The batch. Raises TimedOut at the deadline; if there is none, Unreachable after an outage of `outage_s`."""
        began = time.monotonic()
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                answer = in_background(lambda: self.poll(batch_id))
                for _ in silences(answer, self.deadline, SILENCE_S):
                    self._report(began, Unreachable("the API is silent"))
                batch = answer.result()
            except TransientError as error:
                self._report(began, error)
                asked_s = (
                    min(error.retry_after_s, LONGEST_ASKED_S) if isinstance(error, LimitReached) else 0.0
                )
                time.sleep(min(max(pause_s, asked_s), self.deadline.left_s))
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
                if self.deadline.is_over:
                    self.away_s = time.monotonic() - began
                    raise TimedOut(str(error)) from error
            else:
                self.away_s = 0.0
                return batch

    def _report(self, began: float, error: TransientError) -> None:
        self.away_s = time.monotonic() - began
        if self.deadline.is_never and self.away_s >= self.outage_s:
            raise Unreachable(f"the API has been away for {self.away_s:.0f} s ({error})") from error
        if self.on_outage is not None:
            self.on_outage(self.away_s, error)


def _told(seen: Mapping[UUID, Batch], timeout_s: float | None, away_s: float) -> str:
    """What a wait knows at its deadline."""
    over = f"{round(timeout_s or 0.0, 1):g} s"
    if not seen:
        return f"the API has not answered within {over}"
    num_jobs = sum(batch.num_jobs for batch in seen.values())
    num_open = num_jobs - sum(batch.num_ended for batch in seen.values())
    open_jobs = f"{num_open:,} of {counted(num_jobs, 'job')}"
    if away_s:
        return f"{over} are over, and the API has not answered for {away_s:.0f} s; before, {open_jobs} had not ended"
    return f"{open_jobs} {'has' if num_open == 1 else 'have'} not ended after {over}"
