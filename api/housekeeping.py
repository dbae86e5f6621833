"""Periodic work of an API for all owners, in a thread: end late jobs, advance open batches, delete stray files, and
complete what processes of an older version leave.

Every API process does all of it. A deployment may have no worker that ends late jobs, and only an API can reach the
files. Two processes may run a chore at the same time, because each chore first reads the current state.
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
from specreason.store.queue.older import add_left_out
from specreason.store.session import Database

log = logging.getLogger(__name__)

EVERY_S = 60.0


@dataclass(slots=True)
class Housekeeping:
    """One per application. Call `start` once, and `close` before the advancer and the database are closed."""

    database: Database
    folder: Folder
    advancer: BatchAdvancer
    every_s: float = EVERY_S
    _closed: threading.Event = field(default_factory=threading.Event, init=False)
    _thread: threading.Thread | None = field(default=None, init=False)

    def start(self) -> None:
        """Run every chore now and every `every_s` seconds, until `close`."""
        self._thread = threading.Thread(target=self._run, name="housekeeping", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Wait for the current chore to end; run no other."""
        self._closed.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        chores = (
            self._end_late_jobs,
            self._add_left_out_jobs,
            self._advance_open_batches,
            self._delete_stray_files,
        )
        while not self._closed.is_set():
            for chore in chores:
                self._try(chore)
            self._closed.wait(self.every_s)

    def _try(self, chore: Callable[[], None]) -> None:
        """Run a chore and log its failure, so that the other chores still run."""
        name = chore.__name__.strip("_").replace("_", " ")
        try:
            chore()
        except SpecReasonError as error:
            log.warning("housekeeping: %s failed; next try in %.0f s: %s", name, self.every_s, error)
        except Exception:
            log.exception("housekeeping: %s failed; next try in %.0f s", name, self.every_s)

    def _end_late_jobs(self) -> None:
        """Expire jobs of every owner whose deadline has passed."""
        while expire_deadlines(self.database) and not self._closed.is_set():
            pass

    def _add_left_out_jobs(self) -> None:
        """Sum the steps of jobs that a worker of an older version has ended."""
        while add_left_out(self.database) and not self._closed.is_set():
            pass

    def _advance_open_batches(self) -> None:
        """Advance OpenAI batches that no client polls, or that another API process left unfinished."""
        for batch in self.advancer.open_batches():
            if self._closed.is_set():
                return
            self.advancer.advance_soon(batch)

    def _delete_stray_files(self) -> None:
        """Delete files that cannot be read any more: deleted or expired ones, and those of failed uploads."""
        for file_id in unknown_files(self.database, self.folder.old_files()):
            self.folder.remove(file_id)
