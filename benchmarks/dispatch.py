"""How fast jobs are handed out, and whether a long queue slows that down: `python -m benchmarks.dispatch`.

Conditions: an embedded Postgres with fsync on and an embedded Valkey, both its own; no model. Before each measurement
the tables are vacuumed and analysed, as autovacuum would.

*Empty jobs*: processes that claim and finish jobs without steps through `specreason.store.queue.jobs`, one after
the other, each process its own share.

*Selection*: the leader's `take_unpublished` with a full window of 256, of which 16 jobs wait for their message
again. Time and buffers (EXPLAIN, shared hit + read) of the statements that find these jobs; and time of the whole call,
which besides marks them as announced and commits.

*Messages*: the most that stood in the broker's queue while a leader announces the long queue as fast as its ticks
allow, and messages are taken in bursts: claimed, or lost.

The last line of stdout is one JSON object.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).parents[1])  # not this folder, whose queue.py would hide Python's own

import argparse
import json
import multiprocessing
import random
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from kombu import Connection
from sqlalchemy import event, text

from benchmarks.own_servers import conditions, empty, own_servers, vacuum
from specreason.config import RunConfig
from specreason.doorbell import Doorbell, queue_of
from specreason.reasoning.steps import StopReason
from specreason.settings import Settings
from specreason.store.queue.batches import NewBatch, NewProblem, insert_batch
from specreason.store.queue.dispatch import take_unpublished
from specreason.store.queue.jobs import JobResult, claim, finish
from specreason.store.queue.workers import NewWorker, register_worker
from specreason.store.session import Database, connect
from specreason.store.tables.states import JobState
from worker.leader import ANNOUNCE_EVERY_S, Leader

PAIR = FINGERPRINT = "bench"
SUCCEEDED = JobResult(state=JobState.SUCCEEDED, stop_reason=StopReason.ANSWERED, answer="4")
WINDOW = 256
NUM_BATCHES = 1000
NUM_FREE = 16  # places in the window when the selection is measured
NUM_CALLS = 200
LOST_AFTER_S = 10.0
VACUUM_EVERY = 20  # calls: each leaves as many dead rows as it announces jobs
NUM_TICKS = 40
SHARE_LOST = 0.2  # of the bursts in which messages are taken
TARGET_RATIO = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One that was sent, as the driver got it. `took_s` is the client's wall time."""

    sql: str
    values: Any
    took_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Cost of one `take_unpublished`; medians over many calls."""

    num_queued: int
    select_ms: float
    select_buffers: int
    call_ms: float
    indexes: tuple[str, ...]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--jobs", type=int, default=2000, help="empty jobs per measurement")
    parser.add_argument("--long", type=int, default=100_000, help="jobs in the long queue")
    arguments = parser.parse_args()
    with own_servers() as servers:
        database = connect(servers.database_url)
        facts = conditions(database)
        print(", ".join(f"{name} {value}" for name, value in facts.items()))
        rates = {n: empty_jobs_per_s(database, servers.database_url, n, arguments.jobs) for n in (1, 2, 4)}
        for number, rate in rates.items():
            print(f"empty jobs, {number} processes: {rate:8.0f} jobs/s")
        short, long = (measure_selection(database, n) for n in (NUM_BATCHES, arguments.long))
        for measured in (short, long):
            print(
                f"selection among {measured.num_queued:6d} jobs: {measured.select_ms:.2f} ms,"
                f" {measured.select_buffers} buffers ({', '.join(measured.indexes)});"
                f" the whole call {measured.call_ms:.2f} ms"
            )
        most_messages = most_messages_waiting(database, servers.broker_url)
        print(f"messages waiting: at most {most_messages}, window {WINDOW}")
        database.dispose()
    ratios = {
        name: round(getattr(long, name) / getattr(short, name), 2)
        for name in ("select_ms", "select_buffers", "call_ms")
    }
    print(f"long against short queue: {ratios}; target of the selection at most {TARGET_RATIO}")
    result = {
        "empty_jobs_per_s": {str(number): round(rate) for number, rate in rates.items()},
        "selection": [asdict(short), asdict(long)],
        "selection_ratio": ratios,
        "most_messages": most_messages,
        "window": WINDOW,
        **facts,
    }
    print(json.dumps(result))
    return 0


def submit(database: Database, num_batches: int, num_jobs: int) -> None:
    """`num_jobs` in all, spread evenly."""
    per_batch = [NewProblem(text=f"What is 2 + {i}?") for i in range(num_jobs // num_batches)]
    for number in range(num_batches):
        insert_batch(
            database, NewBatch(name=f"batch {number}", pair=PAIR, config=RunConfig(), problems=per_batch)
        )


def start_worker(database: Database) -> UUID:
    new = NewWorker(pair=PAIR, pair_fingerprint=FINGERPRINT, host="here", pid=1, slots=256)
    return register_worker(database, new, lease_s=86_400)


# Empty jobs


def empty_jobs_per_s(database: Database, url: str, num_processes: int, num_jobs: int) -> float:
    """From the moment when all processes are connected to the last job's end."""
    empty(database)
    submit(database, 1, num_jobs)
    vacuum(database, "job", "batch", "problem")
    with database.connect() as connection:
        job_ids = list(connection.scalars(text("SELECT id FROM job ORDER BY turn")))
    context = multiprocessing.get_context("spawn")
    ready = context.Barrier(num_processes + 1)
    processes = [
        context.Process(target=run_empty_jobs, args=(url, job_ids[n::num_processes], ready))
        for n in range(num_processes)
    ]
    for process in processes:
        process.start()
    ready.wait()
    started = time.perf_counter()
    ready.wait()
    wall_s = time.perf_counter() - started
    for process in processes:
        process.join()
    with database.connect() as connection:
        num_done = connection.scalar(text("SELECT count(*) FROM job WHERE state = 'succeeded'"))
    assert num_done == num_jobs, f"{num_jobs - num_done} jobs did not end"
    return num_jobs / wall_s


def run_empty_jobs(url: str, job_ids: Sequence[UUID], ready: Any) -> None:
    database = connect(url, pool_size=1)
    worker_id = start_worker(database)
    ready.wait()
    for job_id in job_ids:
        claimed = claim(database, job_id, worker_id=worker_id, pair_fingerprint=FINGERPRINT)
        assert claimed is not None
        finish(database, claimed, SUCCEEDED)
    ready.wait()
    database.dispose()


# Selection


def measure_selection(database: Database, num_jobs: int) -> Selection:
    empty(database)
    submit(database, NUM_BATCHES, num_jobs)
    vacuum(database, "job", "batch", "problem")
    announced = take_unpublished(database, PAIR, window=WINDOW)
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
            taken = take_unpublished(database, PAIR, window=WINDOW, messages=there, lost_after_s=LOST_AFTER_S)
            calls_s.append(time.perf_counter() - started)
        assert len(taken) == NUM_FREE
        selects_s.append(sum(select.took_s for select in selects))
        forget(database, taken)
        plans = [explain(database, select) for select in selects]
        buffers.append(sum(touched(plan) for plan in plans))
        indexes.update(name for plan in plans for name in used_indexes(plan))
        take_unpublished(database, PAIR, window=WINDOW)
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


# Messages


def most_messages_waiting(database: Database, broker_url: str) -> int:
    """Let a leader announce the queue as it stands; the most messages that the broker held at once."""
    worker_id = start_worker(database)
    settings = Settings(publish_window=WINDOW, republish_s=1)
    leader = Leader(database, Doorbell(broker_url), settings)
    draw = random.Random(0)
    most = 0
    with (
        Connection(broker_url) as connection,
        connection.SimpleQueue(queue_of(PAIR), no_ack=True) as waiting,
    ):
        for _ in range(NUM_TICKS):
            leader.tick()
            most = max(most, waiting.qsize())
            lost = draw.random() < SHARE_LOST
            for _ in range(draw.randint(0, waiting.qsize())):
                (job_id,) = waiting.get(block=False).payload[0]
                if not lost:
                    claim(database, UUID(job_id), worker_id=worker_id, pair_fingerprint=FINGERPRINT)
            time.sleep(ANNOUNCE_EVERY_S)
    leader.close()
    return most


if __name__ == "__main__":
    sys.exit(main())
