"""What the deployment does at one moment, and how fast it went since the moment before. It prints nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from uuid import UUID

from specreason.cli.waiting.pace import Pace
from specreason.client import Batch, Client, Queues, Worker

SECONDS_OF_AN_HOUR = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One look through the API, as its key sees it: the queues and live workers of all, batches of its owner.

    `jobs_per_hour` counts jobs of these batches that ended while somebody looked; None until one has. `acceptance` is
    the share of accepted drafts in the jobs that ended since the first look, before that in all of these batches.
    """

    at: datetime
    queues: Queues
    workers: tuple[Worker, ...]
    batches: tuple[Batch, ...]
    jobs_per_hour: float | None
    acceptance: float | None

    @property
    def num_workers(self) -> int:
        """All live workers: the list of them ends after some, the counts of the queues do not."""
        return max(len(self.workers), sum(queue.num_workers for queue in self.queues.pairs))


class Watcher:
    """Looks at a deployment repeatedly, through one client."""

    def __init__(self, client: Client, *, num_batches: int) -> None:
        self._client = client
        self._num_batches = num_batches
        self._pace = Pace()
        self._seen = Growth()

    def look(self, now_s: float) -> Moment:
        """The present moment; `now_s` are seconds of one clock. Raises what the client raises."""
        queues = self._client.queues()
        workers = tuple(worker for worker in self._client.workers() if worker.alive)
        batches = tuple(islice(self._client.batches(), self._num_batches))
        self._seen.see(batches)
        rate = self._pace.update(now_s, self._seen.num_ended)
        return Moment(
            at=datetime.now(UTC),
            queues=queues,
            workers=workers,
            batches=batches,
            jobs_per_hour=rate * SECONDS_OF_AN_HOUR or None,
            acceptance=self._seen.acceptance(batches),
        )


class Growth:
    """What was added to batches since each was first seen: a batch that comes into view later counts from then on."""

    def __init__(self) -> None:
        self._before: dict[UUID, Batch] = {}
        self.num_ended = 0
        self._num_drafted = 0
        self._num_accepted = 0

    def see(self, batches: Sequence[Batch]) -> None:
        """Add what is new. A batch of which jobs were queued again adds nothing for them."""
        for batch in batches:
            before = self._before.get(batch.batch_id, batch)
            self.num_ended += max(0, batch.num_ended - before.num_ended)
            self._num_drafted += max(0, batch.num_drafted - before.num_drafted)
            self._num_accepted += max(0, batch.num_accepted - before.num_accepted)
        self._before = {batch.batch_id: batch for batch in batches}

    def acceptance(self, batches: Sequence[Batch]) -> float | None:
        """The share of accepted drafts among the new ones, or in all of `batches` while there are none."""
        drafted, accepted = self._num_drafted, self._num_accepted
        if not drafted:
            drafted = sum(batch.num_drafted for batch in batches)
            accepted = sum(batch.num_accepted for batch in batches)
        return accepted / drafted if drafted else None
