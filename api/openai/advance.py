"""Moves batches on: reads their files, ends what was cancelled, writes their results. In threads of its own.

Every SWEEP_S it ends jobs that are late, for there may be no worker to do so, looks after all that waits, and removes
files that nobody can read any more.

Each move begins by looking where the batch stands and ends in one transaction; one process at a time is at a batch.
So whoever looks at a batch may ask for its next move, and one that a killed API left unfinished is simply made again.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from api.announcing import announce_queued
from api.openai.ids import batch_name
from api.openai.input_file import LineError, Part, Refused, read_plan
from api.openai.output import result_lines
from api.publisher import Publisher
from specreason.config import PairConfig
from specreason.errors import LimitReached, NotFound, SpecReasonError
from specreason.settings import Settings
from specreason.store.access.visibility import Viewer
from specreason.store.files.folder import Folder, NewContent
from specreason.store.files.rows import NewFile, read_file, unknown_files
from specreason.store.openai.batches import (
    batches_of,
    end_openai_batch,
    fail_openai_batch,
    one_at_a_time,
    read_openai_batch,
    start_openai_batch,
    unsettled_batches,
)
from specreason.store.openai.status import BatchStatus, OpenAIBatch
from specreason.store.queue.batches import NewBatch
from specreason.store.queue.controls import cancel_batch
from specreason.store.queue.dispatch import expire_deadlines
from specreason.store.session import Database
from specreason.store.tables.states import FilePurpose

log = logging.getLogger(__name__)

NUM_THREADS = 2  # batches that one API moves on at once; each needs a little memory and two connections
SWEEP_S = 60.0


@dataclass(slots=True)
class BatchAdvancer:
    """One for the application. `close` it before the database."""

    database: Database
    folder: Folder
    publisher: Publisher
    pairs: Mapping[str, PairConfig]
    settings: Settings
    sweep_s: float = SWEEP_S
    _threads: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(NUM_THREADS, thread_name_prefix="settler"), init=False
    )
    _asked: set[UUID] = field(default_factory=set, init=False)
    _closed: threading.Event = field(default_factory=threading.Event, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)
    _sweeper: threading.Thread | None = field(default=None, init=False)

    def start(self) -> None:
        """Look after what waits, now and every `sweep_s`. Nothing happens if that is under way."""
        with self._lock:
            if self._sweeper is None:
                self._sweeper = threading.Thread(
                    target=self._sweep_again_and_again, name="sweeper", daemon=True
                )
                self._sweeper.start()

    def close(self) -> None:
        """Wait for the moves under way; those that were only asked for are made by the next API."""
        with self._lock:
            self._closed.set()
            sweeper = self._sweeper
        if sweeper is not None:
            sweeper.join()
        self._threads.shutdown(wait=True, cancel_futures=True)

    def advance_soon(self, batch: OpenAIBatch) -> None:
        """Make the batch's next move soon, if it has one."""
        if not is_due(batch):
            return
        with self._lock:
            if batch.id in self._asked or self._closed.is_set():
                return
            self._asked.add(batch.id)
            self._threads.submit(self._advance, batch.id)

    def _advance(self, batch_id: UUID) -> None:
        try:
            with one_at_a_time(self.database, batch_id) as ours:
                if ours:
                    self._make_moves(batch_id)
        except SpecReasonError as error:  # the next sweep tries it again
            log.warning("%s is not moved on: %s", batch_name(batch_id), error)
        except Exception:
            log.exception("%s is not moved on", batch_name(batch_id))
        finally:
            with self._lock:
                self._asked.discard(batch_id)

    def _make_moves(self, batch_id: UUID) -> None:
        batch = read_openai_batch(self.database, Viewer.EVERYONE, batch_id)
        if batch.status is BatchStatus.VALIDATING:
            self._validate(batch)
            batch = read_openai_batch(self.database, Viewer.EVERYONE, batch_id)
        if batch.status is BatchStatus.CANCELLING and batch.ended_at is None and batch.counts.num_open:
            for ours in batches_of(self.database, batch_id):
                cancel_batch(self.database, Viewer.EVERYONE, ours)
            batch = read_openai_batch(self.database, Viewer.EVERYONE, batch_id)
        if is_due(batch) and batch.status is not BatchStatus.VALIDATING:
            self._write_results(batch)

    def _validate(self, batch: OpenAIBatch) -> None:
        """Raises NotFound while there is time for the content of the file to come back, as a mounted disk does."""
        given = None
        try:
            given = read_file(self.database, Viewer.EVERYONE, batch.file_id)
            with self.folder.open(batch.file_id) as content:
                parts = read_plan(
                    content,
                    self.pairs,
                    max_lines=self.settings.max_problems,
                    max_jobs=self.settings.max_jobs,
                )
                batches = [_new_batch(batch, given.filename, part) for part in parts]
                counts = [len(part.problems.offsets) for part in parts]
                if not start_openai_batch(self.database, batch.id, batches, counts):
                    return
        except NotFound as error:
            if given is not None and datetime.now(UTC) < batch.expires_at:
                raise
            gone = LineError(code="file_not_found", message=str(error), param="input_file_id")
            fail_openai_batch(self.database, batch.id, Refused([gone]).errors)
        except LimitReached as error:
            full = LineError(code="quota_exceeded", message=str(error))
            fail_openai_batch(self.database, batch.id, Refused([full]).errors)
        except Refused as refused:
            fail_openai_batch(self.database, batch.id, refused.errors)
        else:
            for pair in {part.pair for part in parts}:
                announce_queued(self.database, self.publisher, self.settings, pair)

    def _write_results(self, batch: OpenAIBatch) -> None:
        """One pass over the jobs into two files; an empty one is not kept. What comes to nothing is removed."""
        with ExitStack() as files, ExitStack() as cleanup:
            output, errors = (files.enter_context(self.folder.new()) for _ in range(2))
            some = {True: False, False: False}
            for succeeded, line in result_lines(self.database, batches_of(self.database, batch.id)):
                (output if succeeded else errors).write(line)
                some[succeeded] = True
            kept = {}
            for purpose, content, wanted in (
                (FilePurpose.BATCH_OUTPUT, output, some[True]),
                (FilePurpose.BATCH_ERROR, errors, some[False]),
            ):
                if wanted:
                    kept[purpose] = _result_file(batch, content, purpose)
                    cleanup.callback(self.folder.remove, content.file_id)
            ours = cleanup.pop_all()  # from here on, Postgres alone says whether the files are known
            ended = end_openai_batch(
                self.database,
                batch,
                output=kept.get(FilePurpose.BATCH_OUTPUT),
                error=kept.get(FilePurpose.BATCH_ERROR),
            )
            if not ended:
                ours.close()

    def _sweep_again_and_again(self) -> None:
        while not self._closed.is_set():
            for sweep in (self._sweep_deadlines, self._sweep_batches, self._sweep_files):
                self._try(sweep)
            self._closed.wait(self.sweep_s)

    def _try(self, sweep: Callable[[], None]) -> None:
        try:
            sweep()
        except SpecReasonError as error:
            log.warning("swept again in %.0f s: %s", self.sweep_s, error)
        except Exception:
            log.exception("swept again in %.0f s", self.sweep_s)

    def _sweep_deadlines(self) -> None:
        while expire_deadlines(self.database) and not self._closed.is_set():
            pass

    def _sweep_batches(self) -> None:
        for batch_id in unsettled_batches(self.database):
            if self._closed.is_set():
                return
            self.advance_soon(read_openai_batch(self.database, Viewer.EVERYONE, batch_id))

    def _sweep_files(self) -> None:
        for file_id in unknown_files(self.database, self.folder.old_files()):
            self.folder.remove(file_id)


def is_due(batch: OpenAIBatch) -> bool:
    """Whether an API has something to do for it; otherwise it waits for its jobs, or is done."""
    if batch.status in (BatchStatus.VALIDATING, BatchStatus.FINALIZING):
        return True
    return batch.status is BatchStatus.CANCELLING and (batch.ended_at is None or not batch.counts.num_open)


def _new_batch(batch: OpenAIBatch, filename: str, part: Part) -> NewBatch:
    return NewBatch(
        name=filename[:200],
        pair=part.pair,
        config=part.config,
        problems=part.problems,
        deadline_at=batch.expires_at,
        metadata={**batch.metadata, "openai_batch_id": batch_name(batch.id)},
        owner=batch.owner,
        max_queued_jobs=batch.max_queued_jobs,
        file_id=batch.file_id,
        openai_batch_id=batch.id,
    )


def _result_file(batch: OpenAIBatch, content: NewContent, purpose: FilePurpose) -> NewFile:
    seconds = batch.output_expires_after_s
    return NewFile(
        content=content.keep(),
        filename=f"{batch_name(batch.id)}_{purpose.value.removeprefix('batch_')}.jsonl",
        purpose=purpose,
        owner=batch.owner,
        expires_at=None if seconds is None else datetime.now(UTC) + timedelta(seconds=seconds),
    )
