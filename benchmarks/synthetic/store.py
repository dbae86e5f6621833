"""Fills a migrated, empty database with synthetic runs, as the product would have stored them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql

from benchmarks.synthetic import job_rows as rows
from benchmarks.synthetic.copying import BEGIN, END
from benchmarks.synthetic.draw import DrawnBatch, draw
from benchmarks.synthetic.runs import JOBS_PER_BATCH, plan
from benchmarks.synthetic.step_rows import PAYLOAD_COLUMNS, STEP_COLUMNS, payload_rows, step_rows
from specreason.store.queue.rollups import REBUILD
from specreason.store.session import Database, transaction

BULKY = ("step", "step_payload")
# What constraints need stays in place. The other indexes are built faster once the rows are there.
DROPPABLE = """
    SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index
    WHERE indrelid = ANY (%s::regclass[]) AND NOT indisunique
"""
# No trigger looks the foreign keys up: tests/integration/store/test_synthetic.py does, on fewer rows.
SESSION = (
    "SET session_replication_role = replica; SET synchronous_commit = off; SET maintenance_work_mem = '1GB'"
)

Say = Callable[[str], None]


def fill(
    database: Database, num_steps: int, *, jobs_per_batch: int = JOBS_PER_BATCH, say: Say = lambda line: None
) -> None:
    """Write batches with `num_steps` steps in all, and the rows that sum them up."""
    with ExitStack() as stack:
        connection, for_steps, for_texts = (stack.enter_context(_loading(database)) for _ in range(3))
        definitions = _drop_indexes(connection)
        _register_worker(connection)
        pool = stack.enter_context(ThreadPoolExecutor(2))
        batch_ids: list[UUID] = []
        for planned in plan(num_steps, jobs_per_batch=jobs_per_batch):
            drawn = draw(planned)
            # Two of Postgres's processes write the two large tables side by side.
            written = (
                pool.submit(_copy_steps, for_steps, drawn),
                pool.submit(_copy_texts, for_texts, drawn),
            )
            _write_batch(connection, drawn)
            for one in written:
                one.result()
            batch_ids.append(drawn.batch_id)
            say(f"batch {planned.number + 1}: {planned.num_jobs} jobs, {planned.num_steps} steps")
        say("ANALYZE")
        connection.execute("ANALYZE")
        say("sums over steps")
        list(pool.map(partial(_sum_up, database), batch_ids))
        for definition in definitions:
            say(definition)
            connection.execute(definition)


def _sum_up(database: Database, batch_id: UUID) -> None:
    with transaction(database) as connection:
        connection.execute(REBUILD, {"batch_ids": [batch_id]})


@contextmanager
def _loading(database: Database) -> Iterator[psycopg.Connection]:
    """A connection that commits each statement and is used for nothing else afterwards."""
    pooled = database.raw_connection()
    connection = pooled.driver_connection
    assert isinstance(connection, psycopg.Connection)
    pooled.detach()
    with connection:
        connection.autocommit = True
        connection.execute(SESSION)
        yield connection


def _drop_indexes(connection: psycopg.Connection) -> list[str]:
    """Drop what is built again later; return how."""
    found = connection.execute(DROPPABLE, [list(BULKY)]).fetchall()
    for name, _ in found:
        connection.execute(f"DROP INDEX {name}")
    return [definition for _, definition in found]


def _register_worker(connection: psycopg.Connection) -> None:
    connection.execute(
        "INSERT INTO model_pair (fingerprint, name) VALUES (%s, %s)", [rows.FINGERPRINT, rows.PAIR]
    )
    connection.execute(
        """INSERT INTO worker (id, pair, pair_fingerprint, host, pid, slots, num_devices, lease_expires_at, stopped_at)
           VALUES (%s, %s, %s, 'here', 1, 16, 2, now(), now())""",
        [rows.WORKER, rows.PAIR, rows.FINGERPRINT],
    )


def _copy_steps(connection: psycopg.Connection, drawn: DrawnBatch) -> None:
    _copy_encoded(connection, "step", STEP_COLUMNS, step_rows(drawn))


def _copy_texts(connection: psycopg.Connection, drawn: DrawnBatch) -> None:
    _copy_encoded(connection, "step_payload", PAYLOAD_COLUMNS, payload_rows(drawn))


def _write_batch(connection: psycopg.Connection, drawn: DrawnBatch) -> None:
    """Every row of the batch but those of its steps."""
    _copy_rows(connection, "batch", iter([rows.batch_row(drawn)]))
    _copy_rows(connection, "problem", rows.problem_rows(drawn))
    _copy_rows(connection, "job", rows.job_rows(drawn))
    _copy_rows(connection, "attempt", rows.attempt_rows(drawn))
    _copy_rows(connection, "grade", rows.grade_rows(drawn))
    _copy_rows(connection, "event", rows.event_rows(drawn))


def _copy_encoded(connection: psycopg.Connection, table: str, columns: Iterable[str], encoded: bytes) -> None:
    with connection.cursor() as cursor, cursor.copy(_copy(table, columns, binary=True)) as copy:
        copy.write(BEGIN)
        copy.write(encoded)
        copy.write(END)


def _copy_rows(connection: psycopg.Connection, table: str, given: Iterator[dict[str, Any]]) -> None:
    """Rows of one table, all with the same columns."""
    first = next(given)
    with connection.cursor() as cursor, cursor.copy(_copy(table, first, binary=False)) as copy:
        copy.write_row(tuple(first.values()))
        for row in given:
            copy.write_row(tuple(row.values()))


def _copy(table: str, columns: Iterable[str], *, binary: bool) -> sql.Composed:
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    form = sql.SQL(" WITH (FORMAT binary)" if binary else "")
    return sql.SQL("COPY {} ({}) FROM STDIN{}").format(sql.Identifier(table), names, form)
