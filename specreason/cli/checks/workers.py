"""The check of the workers that run: are there any for the pair, are they heard of, how many jobs do they hold?"""

from __future__ import annotations

from collections.abc import Sequence

from specreason.cli.checks.finding import Finding, fail, ok, warn
from specreason.client import Client, Worker
from specreason.errors import SpecReasonError
from specreason.store.read.load import current_load
from specreason.store.read.workers import WorkerSummary
from specreason.store.session import Database


def check_workers(database: Database, pair: str, *, is_loading: bool) -> Finding:
    """`is_loading` says that `specreason up` starts a worker for the pair just now."""
    try:
        return judge_workers(current_load(database).workers, pair, is_loading=is_loading)
    except SpecReasonError as error:
        return fail("workers", str(error), "start Postgres again")


def check_workers_of_the_api(client: Client, pair: str) -> Finding:
    """Check the same through the API, where its database is not known."""
    alive = [worker for worker in client.workers() if worker.alive]
    return judge_workers(alive, pair, is_loading=False)


def judge_workers(workers: Sequence[WorkerSummary | Worker], pair: str, *, is_loading: bool) -> Finding:
    """`workers` are alive. One has loaded its pair before it is registered, so every one can take jobs."""
    ours = [worker for worker in workers if worker.pair == pair]
    others = sorted({worker.pair for worker in workers} - {pair})
    if ours:
        used, slots = sum(each.num_running for each in ours), sum(each.slots for each in ours)
        where = ", ".join(f"{each.host}:{each.pid}" for each in ours)
        return ok("workers", f"{len(ours)} with '{pair}' loaded ({where}), {used} of {slots} slots in use")
    elsewhere = f"; there are some for {', '.join(others)}" if others else ""
    found = f"none is alive for '{pair}'{elsewhere}"
    if is_loading:
        return warn("workers", found, "`specreason up` still loads the pair: look again")
    return warn("workers", found, f"specreason worker --pair {pair}")
