"""How long jobs stood still after a fault: from the fault, by the monkey's clock, to their next claim in Postgres.

Only watched faults count: there was room elsewhere, and nothing else was broken meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import median

from sqlalchemy import text

from specreason.store.session import Database, transaction
from tests.chaos.faults import WATCHED_KILLS, Fault, FaultKind

NEXT_CLAIM = text(
    """
    SELECT extract(epoch FROM min(started_at))::float8 - :at AS waited_s FROM attempt
    WHERE job_id = :job_id AND fence > :fence AND started_at > to_timestamp(:at)
    """
)


def recovery_s(
    database: Database, faults: Iterable[Fault], *, slots: int
) -> dict[str, dict[str, float | int | None]]:
    """Seconds, by what was done: `child` and `supervisor` were killed, and `worker` is both; `flush` of the broker."""
    watched = [fault for fault in faults if fault.watched]
    waited = {
        kind: [_waited(database, fault) for fault in watched if fault.kind is kind] for kind in FaultKind
    }
    by_kind = {kind: [each for fault in waited[kind] for each in fault] for kind in WATCHED_KILLS}
    # A worker's worth of jobs: how soon the rest of a long queue is taken is a matter of slots, not of recovery.
    flushes = [sorted(fault)[min(slots, len(fault)) - 1] for fault in waited[FaultKind.FLUSH_BROKER] if fault]
    return {
        "worker": _figures([each for kind in WATCHED_KILLS for each in by_kind[kind]]),
        "child": _figures(by_kind[FaultKind.WATCHED_KILL_CHILD]),
        "supervisor": _figures(by_kind[FaultKind.WATCHED_KILL_SUPERVISOR]),
        "flush": _figures(flushes),
    }


def _waited(database: Database, fault: Fault) -> list[float]:
    """For each job that the fault struck and that was claimed again."""
    with transaction(database) as connection:
        found = [
            connection.execute(NEXT_CLAIM, {"job_id": job_id, "fence": fence, "at": fault.at}).scalar()
            for job_id, fence in fault.struck
        ]
    return [waited_s for waited_s in found if waited_s is not None]


def _figures(waited: Sequence[float]) -> dict[str, float | int | None]:
    return {
        "median": round(median(waited), 2) if waited else None,
        "max": round(max(waited), 2) if waited else None,
        "count": len(waited),
    }
