"""Advances OpenAI batches in threads: validates their files, cancels their jobs, writes their result files.

Each transition first reads the batch's status and ends in one transaction, and a lock admits one process per batch. So
any route that shows a batch may request its next transition, and the next API repeats one that a killed API left
unfinished.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from api.ids import batch_name
from api.openai.input_file import LineError, Part, Refused, read_parts
from api.openai.requests.endpoint import Endpoint, endpoint_of
from api.openai.results import result_lines
from specreason.doorbell import Doorbell
from specreason.errors import LimitReached, NotFound, SpecReasonError
from specreason.pairs import PairConfig
from specreason.settings import Settings
from specreason.store.access.visibility import Viewer
from specreason.store.files.folder import Folder, NewContent
from specreason.store.files.rows import NewFile, read_file
from specreason.store.openai.batches import (
    batches_of,
    cancel_open_jobs,
    end_openai_batch,
    fail_openai_batch,
    one_at_a_time,
    read_openai_batch,
    start_openai_batch,
    unsettled_batches,
)
from specreason.store.openai.status import BatchStatus, OpenAIBatch, Usage
from specreason.store.queue.batches import NewBatch
from specreason.store.session import Database
from specreason.store.tables.states import FilePurpose

log = logging.getLogger(__name__)

NUM_THREADS = 2  # batches that one process advances at the same time; each needs two connections
RETRY_S = 0.5  # pause before the next try at a batch that another API advances


@dataclass(slots=True)
class BatchAdvancer:
    """One per application. Call `close` before the database is closed."""

    database: Database
    folder: Folder
    doorbell: Doorbell
    pairs: Mapping[str, PairConfig]
    settings: Settings
    _threads: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(NUM_THREADS, thread_name_prefix="advancer"), init=False
    )
    _requested: set[UUID] = field(default_factory=set, init=False)  # requested, and not begun since
    _in_progress: set[UUID] = field(default_factory=set, init=False)
    _closed: threading.Event = field(default_factory=threading.Event, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def close(self) -> None:
        """Wait for the transitions in progress. The next API process makes those that have not begun."""
        with self._lock:
            self._closed.set()
        self._threads.shutdown(wait=True, cancel_futures=True)

    def open_batches(self) -> Iterator[OpenAIBatch]:
        """Each batch that may need a transition, read one by one."""
        for batch_id in unsettled_batches(self.database):
            yield read_openai_batch(self.database, Viewer.EVERYONE, batch_id)

    def advance_soon(self, batch: OpenAIBatch) -> None:
        """Advance the batch in another thread, if it is due.

        A batch that is being advanced, here or by another API, is advanced once more afterwards: that thread may have
        read the batch before the change that makes it due.
        """
        if not is_due(batch):
            return
        with self._lock:
            if batch.id not in self._requested:
                self._requested.add(batch.id)
                if batch.id not in self._in_progress:
                    self._submit(batch.id)

    def _submit(self, batch_id: UUID) -> None:
        """Start a run of `_advance`, unless `close` has begun. The caller holds `_lock`."""
        if not self._closed.is_set():
            self._threads.submit(self._advance, batch_id)

    def _advance(self, batch_id: UUID) -> None:
        with self._lock:
            self._requested.discard(batch_id)
            self._in_progress.add(batch_id)
        try:
            with one_at_a_time(self.database, batch_id) as is_free:
                if is_free:
                    self._make_transitions(batch_id)
            if not is_free:
                self._closed.wait(RETRY_S)
                with self._lock:
                    self._requested.add(batch_id)
        except SpecReasonError as error:
            log.warning("%s is not advanced, housekeeping tries again: %s", batch_name(batch_id), error)
        except Exception:
            log.exception("%s is not advanced, housekeeping tries again", batch_name(batch_id))
        finally:
            with self._lock:
                self._in_progress.discard(batch_id)
                if batch_id in self._requested:
                    self._submit(batch_id)

    def _make_transitions(self, batch_id: UUID) -> None:
        batch = read_openai_batch(self.database, Viewer.EVERYONE, batch_id)
        if batch.status is BatchStatus.VALIDATING:
            self._validate(batch)
            batch = read_openai_batch(self.database, Viewer.EVERYONE, batch_id)
        if batch.status is BatchStatus.CANCELLING and batch.ended_at is None and batch.counts.num_open:
            cancel_open_jobs(self.database, Viewer.EVERYONE, batch_id)
            batch = read_openai_batch(self.database, Viewer.EVERYONE, batch_id)
        if is_due(batch) and batch.status is not BatchStatus.VALIDATING:
            self._write_results(batch)

    def _validate(self, batch: OpenAIBatch) -> None:
        """Queue the batch's jobs, or fail it with the errors of its file.

        Raises NotFound if the content of the file is missing before the batch expires: a disk may be mounted again.
        """
        input_file = None
        try:
            input_file = read_file(self.database, Viewer.EVERYONE, batch.file_id)
            with self.folder.open(batch.file_id) as content:
                parts = read_parts(
                    content,
                    self.pairs,
                    endpoint=_endpoint(batch),
                    max_lines=self.settings.max_problems,
                    max_jobs=self.settings.max_jobs,
                )
            batches = [_new_batch(batch, input_file.filename, part) for part in parts]
            if not start_openai_batch(self.database, batch.id, batches):
                return
        except NotFound as error:
            if input_file is not None and datetime.now(UTC) < batch.expires_at:
                raise
            missing = LineError(code="file_not_found", message=str(error), param="input_file_id")
            fail_openai_batch(self.database, batch.id, Refused([missing]).errors)
        except LimitReached as error:
            quota = LineError(code="quota_exceeded", message=str(error))
            fail_openai_batch(self.database, batch.id, Refused([quota]).errors)
        except Refused as refused:
            fail_openai_batch(self.database, batch.id, refused.errors)
        else:
            for pair in {part.pair for part in parts}:
                self.doorbell.announce_submitted(
                    self.database, pair, publish_window=self.settings.publish_window
                )

    def _write_results(self, batch: OpenAIBatch) -> None:
        """Write both files in one pass over the jobs. Keep neither an empty file nor, after a failure, any file."""
        with ExitStack() as files, ExitStack() as cleanup:
            output, errors = (files.enter_context(self.folder.new()) for _ in range(2))
            has_lines = {True: False, False: False}
            usage = Usage()
            for line in result_lines(self.database, batches_of(self.database, batch.id), _endpoint(batch)):
                (output if line.succeeded else errors).write(line.content)
                has_lines[line.succeeded] = True
                usage += line.usage
            new_files = {}
            for purpose, content, is_kept in (
                (FilePurpose.BATCH_OUTPUT, output, has_lines[True]),
                (FilePurpose.BATCH_ERROR, errors, has_lines[False]),
            ):
                if is_kept:
                    new_files[purpose] = _result_file(batch, content, purpose, cleanup)
            # From here on, Postgres alone decides whether the files are known.
            disarmed = cleanup.pop_all()
            ended = end_openai_batch(
                self.database,
                batch,
                usage=usage,
                output=new_files.get(FilePurpose.BATCH_OUTPUT),
                error=new_files.get(FilePurpose.BATCH_ERROR),
            )
            if not ended:
                disarmed.close()


def is_due(batch: OpenAIBatch) -> bool:
    """Whether the batch needs a transition; otherwise it waits for its jobs, or is settled."""
    if batch.status in (BatchStatus.VALIDATING, BatchStatus.FINALIZING):
        return True
    return batch.status is BatchStatus.CANCELLING and (batch.ended_at is None or not batch.counts.num_open)


def _endpoint(batch: OpenAIBatch) -> Endpoint:
    return endpoint_of(batch.endpoint) or Endpoint.CHAT


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


def _result_file(
    batch: OpenAIBatch, content: NewContent, purpose: FilePurpose, cleanup: ExitStack
) -> NewFile:
    seconds = batch.output_expires_after_s
    return NewFile(
        content=content.keep(cleanup),
        filename=f"{batch_name(batch.id)}_{purpose.value.removeprefix('batch_')}.jsonl",
        purpose=purpose,
        owner=batch.owner,
        expires_at=None if seconds is None else datetime.now(UTC) + timedelta(seconds=seconds),
    )
