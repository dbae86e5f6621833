"""A queue of jobs without a model: what fills it, and a worker that may claim from it."""

from __future__ import annotations

from uuid import UUID

from specreason.config import RunConfig
from specreason.store.queue.batches import NewBatch, write_batches
from specreason.store.queue.problems import NewProblem, check
from specreason.store.queue.workers import NewWorker, register_worker
from specreason.store.session import Database, transaction

PAIR = FINGERPRINT = "bench"


def submit(database: Database, num_batches: int, num_jobs: int) -> None:
    """`num_jobs` in all, spread evenly."""
    problems = check([NewProblem(text=f"What is 2 + {i}?") for i in range(num_jobs // num_batches)])
    for number in range(num_batches):
        new = NewBatch(name=f"batch {number}", pair=PAIR, config=RunConfig(), problems=problems)
        with transaction(database) as connection:
            write_batches(connection, [new])


def start_worker(database: Database) -> UUID:
    new = NewWorker(pair=PAIR, pair_fingerprint=FINGERPRINT, host="here", pid=1, slots=256)
    return register_worker(database, new, lease_s=86_400)
