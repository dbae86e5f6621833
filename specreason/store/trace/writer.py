"""Writes steps durably, those of many jobs with one commit, for the claims that still hold; and reads them back.

All step loops of a process share one writer thread. The thread takes all waiting steps and writes them with one
statement that is its own transaction; steps that arrive during a commit go with the next one. The statement locks the
jobs against a claim (FOR SHARE), so that a row is written under the job's present fence or not at all.
"""

from __future__ import annotations

import asyncio
import json
import queue
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Table, TextClause, text
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.exc import DataError, IntegrityError

from specreason.errors import LeaseLost, PermanentJobError, StoreUnavailable
from specreason.reasoning.steps import StepRecord
from specreason.store.queue.claims import ClaimedJob
from specreason.store.session import Database, one_line, single_statement, transaction
from specreason.store.tables.states import EventKind, JobState
from specreason.store.tables.trace import step, step_payload
from specreason.store.trace.steps import steps_of, to_columns, to_record

MAX_GROUP = 64  # rows in one commit
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.05, 2.0  # between tries while the database is down


def read_steps(database: Database, job_id: UUID) -> tuple[StepRecord, ...]:
    """All persisted steps of the job, in order. A new claim continues after them.

    Raises PermanentJobError if their texts were deleted.
    """
    with transaction(database) as connection:
        rows = connection.execute(steps_of(job_id)).mappings().all()
    if any(row["kept_ids"] is None for row in rows):
        raise PermanentJobError("the texts of its steps were deleted, and it cannot continue without them")
    return tuple(to_record(row) for row in rows)


class SqlStepSink:
    """The sink of one claimed job: at most one of its steps is not yet durable. Use from one event loop."""

    def __init__(self, writer: TraceWriter, claimed: ClaimedJob) -> None:
        self._writer = writer
        self._claimed = claimed
        self._next_index = claimed.first_step
        self._in_flight: asyncio.Future[Exception | None] | None = None
        self._failed: Exception | None = None
        self._waited_s = 0.0

    @property
    def waited_s(self) -> float:
        """Seconds that the caller has waited until steps were durable."""
        return self._waited_s

    async def append(self, record: StepRecord) -> None:
        """Hand over step n; returns once step n-1 is durable.

        Raises LeaseLost if the claim no longer holds, StoreUnavailable if the database stays down. Both are final:
        this sink writes nothing after the last durable step.
        """
        await self.flush()
        if record.index != self._next_index:
            raise ValueError(f"step {record.index} does not follow step {self._next_index - 1}")
        self._in_flight = self._writer.submit(self._claimed, record)
        self._next_index += 1

    async def flush(self) -> None:
        """Return once every appended step is durable. Raises as `append` does."""
        if self._in_flight is not None:
            # Cancelling the caller must not cancel the write: the next call waits for it.
            began = time.monotonic()
            self._failed = await asyncio.shield(self._in_flight)
            self._waited_s += time.monotonic() - began
            self._in_flight = None
        if self._failed is not None:
            raise self._failed


@dataclass(frozen=True, slots=True, kw_only=True)
class _Waiting:
    """A row to write, as JSON, and the future of its writing: the result is None, or the error."""

    job_id: UUID
    fence: int
    row: str
    done: asyncio.Future[Exception | None]


class TraceWriter:
    """One per worker process. Each of its sinks may be used from any event loop."""

    def __init__(self, database: Database, *, give_up_after_s: float = 60.0) -> None:
        """While the database is down, a step waits `give_up_after_s` before the sink of its job fails."""
        self._database = database
        self._give_up_after_s = give_up_after_s
        self._waiting: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._open_lock = threading.Lock()
        self._closed = False
        # Since the start of this process: commits, and the steps that they stored.
        self.num_commits = 0
        self.num_stored = 0
        self._thread = threading.Thread(target=self._write_until_closed, name="trace-writer", daemon=True)
        self._thread.start()

    def sink(self, claimed: ClaimedJob) -> SqlStepSink:
        """A sink whose first step is `claimed.first_step`."""
        return SqlStepSink(self, claimed)

    def submit(self, claimed: ClaimedJob, record: StepRecord) -> asyncio.Future[Exception | None]:
        """Queue one step. Call it on an event loop, which gets the result."""
        waiting = _Waiting(
            job_id=claimed.job_id,
            fence=claimed.fence,
            row=json.dumps(to_columns(claimed.job_id, claimed.fence, record), allow_nan=False),
            done=asyncio.get_running_loop().create_future(),
        )
        with self._open_lock:
            if self._closed:
                raise StoreUnavailable("the trace writer is closed")
            self._waiting.put(waiting)
        return waiting.done

    def close(self) -> None:
        """Write the queued steps, then end the thread. Later steps are refused."""
        with self._open_lock:
            self._closed = True
            self._waiting.put(None)
        self._thread.join()

    def _write_until_closed(self) -> None:
        open_ = True
        while open_:
            taken = [self._waiting.get()]
            while len(taken) < MAX_GROUP and not self._waiting.empty():
                taken.append(self._waiting.get())
            open_ = None not in taken
            group = [waiting for waiting in taken if waiting is not None]
            if group:
                self._write(group)

    def _write(self, group: Sequence[_Waiting]) -> None:
        """Write a group and resolve its futures. A row that the table refuses fails its own job only."""
        try:
            held = self._insert(group)
        except (IntegrityError, DataError) as error:
            if len(group) == 1:
                _tell(group, PermanentJobError(f"a step breaks a rule of the store: {one_line(error)}"))
            else:
                for waiting in group:
                    self._write([waiting])
        except StoreUnavailable as error:
            _tell(group, error)
        except Exception as error:  # the thread serves every job: no error may end it
            _tell(group, StoreUnavailable(f"steps cannot be written: {one_line(error)}"))
        else:
            stored = [w for w in group if (w.job_id, w.fence) in held]
            self.num_commits += 1
            self.num_stored += len(stored)
            _tell(stored, None)
            _tell(
                [w for w in group if (w.job_id, w.fence) not in held],
                LeaseLost("the job was cancelled or claimed by someone else; its step was not written"),
            )

    def _insert(self, group: Sequence[_Waiting]) -> set[tuple[UUID, int]]:
        """Write the rows; return the claims that hold. Tries again while the database is down.

        A second try after an uncertain commit is safe: the primary key makes it a no-op.
        """
        rows = "[" + ",".join(waiting.row for waiting in group) + "]"
        give_up_at = time.monotonic() + self._give_up_after_s
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                with single_statement(self._database) as connection:
                    held = connection.execute(INSERT_HELD, {"rows": rows}).all()
                return {(row.job_id, row.fence) for row in held}
            except StoreUnavailable:
                if time.monotonic() + pause_s > give_up_at:
                    raise
            time.sleep(pause_s)
            pause_s = min(LONGEST_PAUSE_S, 2 * pause_s)


def _tell(group: Sequence[_Waiting], error: Exception | None) -> None:
    """Resolve the futures of `group`, with one call into each event loop."""
    for loop in {waiting.done.get_loop() for waiting in group}:
        theirs = [waiting.done for waiting in group if waiting.done.get_loop() is loop]
        with suppress(RuntimeError):  # the loop is closed: nothing waits on it any more
            loop.call_soon_threadsafe(_resolve, theirs, error)


def _resolve(futures: Sequence[asyncio.Future[Exception | None]], error: Exception | None) -> None:
    for future in futures:
        if not future.done():
            future.set_result(error)


def _insert_held() -> TextClause:
    """One statement for both tables and all rows. Returns the claims that hold; each refused row becomes an event."""
    types = {c.name: c.type for table in (step, step_payload) for c in table.c if c is not step.c.created_at}
    dialect = PGDialect_psycopg()  # type: ignore[no-untyped-call]
    typed = ", ".join(f'"{name}" {kind.compile(dialect)}' for name, kind in types.items())

    def insert_into(table: Table) -> str:
        names = ", ".join(f'"{c.name}"' for c in table.c if c.name in types)
        source = f"SELECT {names} FROM incoming JOIN held USING (job_id, fence)"  # noqa: S608 -- names only
        return f"INSERT INTO {table.name} ({names}) {source} ON CONFLICT DO NOTHING"

    return text(
        f"""
        WITH incoming AS MATERIALIZED (SELECT * FROM json_to_recordset(CAST(:rows AS json)) AS row({typed})),
        held AS MATERIALIZED (
            SELECT job.id AS job_id, job.fence FROM job
            WHERE job.state = '{JobState.RUNNING}'
              AND (job.id, job.fence) IN (SELECT job_id, fence FROM incoming)
            ORDER BY job.id
            FOR SHARE OF job
        ),
        steps AS ({insert_into(step)}),
        payloads AS ({insert_into(step_payload)}),
        refused AS (
            INSERT INTO event (batch_id, job_id, worker_id, kind, detail)
            SELECT job.batch_id, job.id, attempt.worker_id, '{EventKind.WRITE_REFUSED}',
                jsonb_build_object('fence', incoming.fence, 'index', incoming.index)
            FROM incoming
            JOIN job ON job.id = incoming.job_id
            LEFT JOIN attempt ON attempt.job_id = incoming.job_id AND attempt.fence = incoming.fence
            WHERE NOT EXISTS (SELECT FROM held WHERE held.job_id = incoming.job_id AND held.fence = incoming.fence)
        )
        SELECT job_id, fence FROM held
        """  # noqa: S608 -- the names come from our own metadata
    )


INSERT_HELD = _insert_held()
