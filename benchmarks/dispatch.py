"""How fast jobs are handed out, and whether a long queue slows that down: `python -m benchmarks.dispatch`.

Conditions: an embedded Postgres with fsync on and an embedded Valkey, both its own; no model. Before each measurement
the tables are vacuumed and analysed, as autovacuum would.

*Empty jobs*: processes that claim and finish jobs without steps through `specreason.store.queue.jobs`, one after
the other, each process its own share.

*Selection*: the leader's `take_unannounced` with a full window of 256, of which 16 jobs wait for their message
again. Time and buffers (EXPLAIN, shared hit + read) of the statements that find these jobs; and time of the whole call,
which besides marks them as announced and commits.

*Messages*: the most that stood in the broker's queue while a leader announces the long queue as fast as its ticks
allow, and messages are taken in bursts: claimed, or lost.

The last line of stdout is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any
from uuid import UUID

from kombu import Connection
from sqlalchemy import text

from benchmarks.long_queue import FINGERPRINT, PAIR, start_worker, submit
from benchmarks.own_servers import conditions, empty, own_servers, vacuum
from benchmarks.selection import NUM_BATCHES, WINDOW, measure_selection
from specreason.doorbell import Doorbell, queue_of
from specreason.reasoning.steps import StopReason
from specreason.settings import Settings
from specreason.store.queue.jobs import JobResult, claim, finish
from specreason.store.session import Database, connect
from specreason.store.tables.states import JobState
from worker.leader import ANNOUNCE_EVERY_S, Leader

SUCCEEDED = JobResult(state=JobState.SUCCEEDED, stop_reason=StopReason.ANSWERED, answer="4")
NUM_TICKS = 40
# The share of the bursts in which all taken messages are lost.
SHARE_LOST = 0.2
TARGET_RATIO = 1.5


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
