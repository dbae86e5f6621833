"""The check of the workers that run: are there any for the pair, are they heard of, how many jobs do they hold?"""

from __future__ import annotations

from specreason.cli.checks.finding import Finding, fail, ok, warn
from specreason.errors import SpecReasonError
from specreason.store.read.load import Load, current_load
from specreason.store.session import Database


def check_workers(database: Database, pair: str, *, is_loading: bool) -> Finding:
    """`is_loading` says that `specreason up` starts a worker for the pair just now."""
    try:
        return judge_workers(current_load(database), pair, is_loading=is_loading)
    except SpecReasonError as error:
        return fail("workers", str(error), "start Postgres again")


def judge_workers(load: Load, pair: str, *, is_loading: bool) -> Finding:
    """A worker has loaded its pair before it is registered, so every live one can take jobs."""
    ours = [worker for worker in load.workers if worker.pair == pair]
    others = sorted({worker.pair for worker in load.workers} - {pair})
    if ours:
        used, slots = sum(each.num_running for each in ours), sum(each.slots for each in ours)
        where = ", ".join(f"{each.host}:{each.pid}" for each in ours)
        return ok("workers", f"{len(ours)} with '{pair}' loaded ({where}), {used} of {slots} slots in use")
    elsewhere = f"; there are some for {', '.join(others)}" if others else ""
    found = f"none is alive for '{pair}'{elsewhere}"
    if is_loading:
        return warn("workers", found, "`specreason up` still loads the pair: look again")
    return warn("workers", found, f"specreason worker --pair {pair}")
