"""What it costs the leader to select the jobs that it announces, among few and among many queued ones."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import event, text

from benchmarks.long_queue import PAIR, submit
from benchmarks.own_servers import empty, vacuum
from specreason.store.queue.dispatch import take_unannounced
from specreason.store.session import Database

WINDOW = 256
NUM_BATCHES = 1000
# Jobs of the window that wait for their message again when the selection is measured.
NUM_FREE = 16
NUM_CALLS = 200
LOST_AFTER_S = 10.0
# Calls between two vacuums. Each call leaves as many dead rows as it announces jobs.
VACUUM_EVERY = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One that was sent, as the driver got it. `took_s` is the client's wall time."""

    sql: str
    values: Any
    took_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Cost of one `take_unannounced`; medians over many calls."""

    num_queued: int
    select_ms: float
    select_buffers: int
    call_ms: float
    indexes: tuple[str, ...]


def measure_selection(database: Database, num_jobs: int) -> Selection:
    empty(database)
    submit(database, NUM_BATCHES, num_jobs)
    vacuum(database, "job", "batch", "problem")
    announced = take_unannounced(database, PAIR, window=WINDOW)
    draw = random.Random(0)
    calls_s, selects_s, buffers = [], [], []
    indexes: set[str] = set()
    for number in range(NUM_CALLS):
        if number % VACUUM_EVERY == 0:
            vacuum(database, "job")
        gone = draw.sample(announced, NUM_FREE)
        forget(database, gone)
        there = list(set(announced) - set(gone))
        with recorded_selects(database) as selects:
            started = time.perf_counter()
            taken = take_unannounced(database, PAIR, window=WINDOW, messages=there, lost_after_s=LOST_AFTER_S)
            calls_s.append(time.perf_counter() - started)
        assert len(taken) == NUM_FREE
        selects_s.append(sum(select.took_s for select in selects))
        forget(database, taken)
        plans = [explain(database, select) for select in selects]
        buffers.append(sum(touched(plan) for plan in plans))
        indexes.update(name for plan in plans for name in used_indexes(plan))
        take_unannounced(database, PAIR, window=WINDOW)
    return Selection(
        num_queued=num_jobs,
        select_ms=round(1000 * statistics.median(selects_s), 3),
        select_buffers=round(statistics.median(buffers)),
        call_ms=round(1000 * statistics.median(calls_s), 3),
        indexes=tuple(sorted(indexes)),
    )


def forget(database: Database, job_ids: Sequence[UUID]) -> None:
    """As if these jobs had been given back: their messages are to be sent again."""
    with database.begin() as connection:
        connection.execute(
            text("UPDATE job SET published_at = NULL WHERE id = ANY(:ids)"), {"ids": list(job_ids)}
        )


@contextmanager
def recorded_selects(database: Database) -> Iterator[list[Statement]]:
    """The statements that read jobs meanwhile."""
    selects: list[Statement] = []
    started = 0.0

    def begin(*sent: Any) -> None:
        nonlocal started
        started = time.perf_counter()

    def end(*sent: Any) -> None:
        _, _, sql, values, *_ = sent
        if sql.startswith("SELECT") and "FROM job" in sql:
            selects.append(Statement(sql=sql, values=values, took_s=time.perf_counter() - started))

    event.listen(database, "before_cursor_execute", begin)
    event.listen(database, "after_cursor_execute", end)
    try:
        yield selects
    finally:
        event.remove(database, "before_cursor_execute", begin)
        event.remove(database, "after_cursor_execute", end)


def explain(database: Database, statement: Statement) -> dict[str, Any]:
    """The plan that Postgres runs the statement with. Its locks go with the rollback."""
    with database.connect() as connection:
        answer = connection.exec_driver_sql(
            f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement.sql}", statement.values
        )
        plan: dict[str, Any] = answer.scalar_one()[0]["Plan"]
        connection.rollback()
    return plan


def touched(plan: dict[str, Any]) -> int:
    """Buffers of the whole plan: a node's count has those below it."""
    return int(plan["Shared Hit Blocks"]) + int(plan["Shared Read Blocks"])


def used_indexes(plan: dict[str, Any]) -> Iterator[str]:
    """Names of the indexes, and of tables that are read from end to end."""
    if "Index Name" in plan:
        yield plan["Index Name"]
    if plan["Node Type"] == "Seq Scan":
        yield f"all of {plan['Relation Name']}"
    for below in plan.get("Plans", ()):
        yield from used_indexes(below)
