"""A worker without models, in a thread of the test: it claims jobs, ends each with an answer at once, and grades it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from specreason.store.queue.claims import ClaimedJob
from specreason.store.queue.jobs import JobResult, claim, finish
from specreason.store.read.query import read_only_query
from specreason.store.session import Database
from specreason.store.tables.states import JobState
from tests.support.store.builders import FINGERPRINT, start_worker
from tests.support.store.grading import grade_all

# In the order in which the queue gives jobs out.
QUEUED = (
    "SELECT id FROM job WHERE state = 'queued' AND pair = '{pair}' ORDER BY priority DESC, turn, id LIMIT 8"
)
PAUSE_S = 0.02


def four(job: ClaimedJob) -> JobResult:
    return JobResult(state=JobState.SUCCEEDED, answer="4", mean_concurrency=1.0)


@contextmanager
def answering(
    database: Database, *pairs: str, result: Callable[[ClaimedJob], JobResult] = four
) -> Iterator[None]:
    """Workers of these pairs until the end of the block; each job ends with what `result` makes of it."""
    over = threading.Event()
    worker_of = {pair: start_worker(database, pair=pair, lease_s=600) for pair in pairs}

    def work() -> None:
        while not over.wait(PAUSE_S):
            for pair, worker_id in worker_of.items():
                for (job_id,) in read_only_query(database, QUEUED.format(pair=pair)).rows:
                    job = claim(database, job_id, worker_id=worker_id, pair_fingerprint=FINGERPRINT)
                    if job is not None:
                        finish(database, job, result(job))
            grade_all(database)

    thread = threading.Thread(target=work, name="answering", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
