"""What an API does for everybody, in a thread of its own: it ends late jobs, moves on open batches, deletes files.

Every API does all of it, now and then: there may be no worker to end a job that is late, and only an API can reach the
files. Two at once do no harm, for each chore begins with a look at how things stand.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from api.openai.advance import BatchAdvancer
from specreason.errors import SpecReasonError
from specreason.store.files.folder import Folder
from specreason.store.files.rows import unknown_files
from specreason.store.queue.dispatch import expire_deadlines
from specreason.store.session import Database

log = logging.getLogger(__name__)

EVERY_S = 60.0


@dataclass(slots=True)
class Housekeeping:
    """One per application. `start` it once, and `close` it before the advancer and the database."""

    database: Database
    folder: Folder
    advancer: BatchAdvancer
    every_s: float = EVERY_S
    _closed: threading.Event = field(default_factory=threading.Event, init=False)
    _thread: threading.Thread | None = field(default=None, init=False)

    def start(self) -> None:
        """Do every chore now and every `every_s` seconds, until `close`."""
        self._thread = threading.Thread(target=self._run, name="housekeeping", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Wait for the chore under way."""
        self._closed.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        chores = (self._end_late_jobs, self._advance_open_batches, self._delete_stray_files)
        while not self._closed.is_set():
            for chore in chores:
                self._try(chore)
            self._closed.wait(self.every_s)

    def _try(self, chore: Callable[[], None]) -> None:
        """A chore that fails keeps no other from being done."""
        name = chore.__name__.strip("_").replace("_", " ")
        try:
            chore()
        except SpecReasonError as error:
            log.warning("housekeeping: %s: tried again in %.0f s: %s", name, self.every_s, error)
        except Exception:
            log.exception("housekeeping: %s: tried again in %.0f s", name, self.every_s)

    def _end_late_jobs(self) -> None:
        """Jobs whose deadline has passed, everybody's."""
        while expire_deadlines(self.database) and not self._closed.is_set():
            pass

    def _advance_open_batches(self) -> None:
        """OpenAI batches that nobody has looked at, or that another API left half done."""
        for batch in self.advancer.open_batches():
            if self._closed.is_set():
                return
            self.advancer.advance_soon(batch)

    def _delete_stray_files(self) -> None:
        """Files that nobody can read any more: deleted, expired, or of an upload that came to nothing."""
        for file_id in unknown_files(self.database, self.folder.old_files()):
            self.folder.remove(file_id)
