"""Follows the jobs that requests wait for.

One statement at a time asks Postgres about all of them together, in one thread: a request that waits costs neither a
thread nor a connection.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TypeVar
from uuid import UUID

from fastapi.concurrency import run_in_threadpool
from sse_starlette.sse import AppStatus

from specreason.errors import KeyRefused, NotFound, ShuttingDown, SpecReasonError, StoreUnavailable
from specreason.store.access.visibility import Viewer
from specreason.store.queue.controls import cancel_batch
from specreason.store.queue.dispatch import expire_deadlines
from specreason.store.read.progress import JobProgress, progress_of
from specreason.store.session import Database

log = logging.getLogger(__name__)

T = TypeVar("T")

POLL_S = 0.2
# How long after its time is over a request still waits for a database that is away.
GRACE_S = 5.0


class Followed:
    """The jobs of one batch. `until` is when they expire, in seconds of `time.monotonic`."""

    def __init__(self, batch_id: UUID, until: float, is_admitted: Callable[[], bool]) -> None:
        self.batch_id = batch_id
        self.until = until
        self.is_admitted = is_admitted
        self._jobs: tuple[JobProgress, ...] = ()
        self._error: SpecReasonError | None = None
        self._has_news = asyncio.Event()

    async def news(self) -> tuple[JobProgress, ...]:
        """The jobs, in order of their repeats, once something has changed; at first, as they stand.

        Raises KeyRefused if the key is revoked, ShuttingDown if this process is being ended, StoreUnavailable if the
        database is away when the time is over.
        """
        await self._has_news.wait()
        self._has_news.clear()
        if self._error is not None:
            raise self._error
        return self._jobs

    async def read(self, call: Callable[[], T]) -> T:
        """The value of `call`, which reads the database, in a thread; tried again while the database is away."""
        while True:
            try:
                return await run_in_threadpool(call)
            except StoreUnavailable:
                if self.is_late():
                    raise
                await asyncio.sleep(POLL_S)

    def is_overdue(self) -> bool:
        return time.monotonic() >= self.until

    def is_late(self) -> bool:
        """Whether even the grace for a database that is away is over."""
        return time.monotonic() >= self.until + GRACE_S

    def tell(self, jobs: tuple[JobProgress, ...]) -> None:
        if jobs != self._jobs:
            self._jobs = jobs
            self._has_news.set()

    def fail(self, error: SpecReasonError) -> None:
        self._error = error
        self._has_news.set()


class Watch:
    """One per process, for its event loop only, but for `close`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._followed: set[Followed] = set()
        self._abandoned: dict[UUID, None] = {}
        self._looking: asyncio.Task[None] | None = None

    @contextmanager
    def follow(self, batch_id: UUID, *, until: float, is_admitted: Callable[[], bool]) -> Iterator[Followed]:
        """Follow a batch until the end of the block. `is_admitted` says whether its key still counts; it may block."""
        followed = Followed(batch_id, until, is_admitted)
        self._followed.add(followed)
        self._keep_looking()
        try:
            yield followed
        finally:
            self._followed.discard(followed)

    def abandon(self, batch_id: UUID) -> None:
        """Cancel a batch for which nobody waits any more, as soon as the database answers."""
        self._abandoned[batch_id] = None
        self._keep_looking()

    def close(self) -> None:
        """Cancel the batches that were abandoned last. Blocks; called once, after the last request."""
        try:
            self._cancel_abandoned()
        except StoreUnavailable as error:
            log.warning("abandoned requests run on until their deadlines: %s", error)

    def _keep_looking(self) -> None:
        """Start the task, unless it runs. A test has one loop for each request."""
        looking = self._looking
        if looking is None or looking.done() or looking.get_loop() is not asyncio.get_running_loop():
            self._looking = asyncio.create_task(self._look_again_and_again())

    async def _look_again_and_again(self) -> None:
        """Look every POLL_S seconds, as long as somebody waits or a batch is to be cancelled."""
        while self._followed or self._abandoned:
            if AppStatus.should_exit:
                self._tell_all(ShuttingDown("the API is being ended; send the request again"))
            followed = tuple(self._followed)
            try:
                for each, told in await run_in_threadpool(self._look, followed):
                    each.fail(told) if isinstance(told, SpecReasonError) else each.tell(told)
            except StoreUnavailable as error:
                self._tell_all(error, only_late=True)
            # Every waiting request depends on this task, so it outlives any error.
            except Exception:
                log.exception("the jobs that requests wait for cannot be read")
            # After the news, which must not wait for a lock on such a batch.
            if self._abandoned:
                await run_in_threadpool(self._cancel_first)
            await asyncio.sleep(POLL_S)

    def _tell_all(self, error: SpecReasonError, *, only_late: bool = False) -> None:
        for each in self._followed:
            if not only_late or each.is_late():
                each.fail(error)

    def _look(
        self, followed: Sequence[Followed]
    ) -> list[tuple[Followed, tuple[JobProgress, ...] | SpecReasonError]]:
        """Expire what is late, and read how far the jobs are. In a thread."""
        # The leader does this too, but a deployment may have no worker just now.
        if any(each.is_overdue() for each in followed):
            expire_deadlines(self._database)
        found = progress_of(self._database, {each.batch_id for each in followed}) if followed else {}
        return [(each, _told(each, found)) for each in followed]

    def _cancel_abandoned(self) -> None:
        for batch_id in tuple(self._abandoned):
            self._cancel(batch_id)

    def _cancel_first(self) -> None:
        """Cancel the batch that was abandoned first. In a thread. If that fails, the others have their turn before."""
        batch_id = next(iter(self._abandoned))
        try:
            self._cancel(batch_id)
        except Exception as error:
            log.warning("an abandoned request is not cancelled yet: %s", error)
            self._abandoned[batch_id] = self._abandoned.pop(batch_id)

    def _cancel(self, batch_id: UUID) -> None:
        with suppress(NotFound):
            cancel_batch(self._database, Viewer.EVERYONE, batch_id)
        # Not before: a process that ends meanwhile cancels what is left.
        self._abandoned.pop(batch_id, None)


def _told(
    followed: Followed, found: Mapping[UUID, tuple[JobProgress, ...]]
) -> tuple[JobProgress, ...] | SpecReasonError:
    if not followed.is_admitted():
        return KeyRefused("the API key has been revoked")
    if followed.batch_id not in found:
        return NotFound(f"batch: there is none with id {followed.batch_id}")
    return found[followed.batch_id]
