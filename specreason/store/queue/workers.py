"""Workers and their leases. A lease is a worker's right to claim jobs, and keeps its jobs from other workers.

A lease that has run out may be renewed until the leader has seen it: after an hour without Postgres every worker is
late, and none is lost. Once the leader has seen it, the jobs are queued again and the worker must register again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import and_, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as insert_once
from sqlalchemy.sql.functions import now
from uuid_utils.compat import uuid7

from specreason.store.session import Database, transaction
from specreason.store.tables.queue import event, model_pair, worker
from specreason.store.tables.states import EventKind
from specreason.store.tables.views import live_worker


@dataclass(frozen=True, slots=True, kw_only=True)
class NewWorker:
    """A worker process with a loaded pair. `slots` is the most jobs in flight; `num_devices` share its work."""

    pair: str
    pair_fingerprint: str
    host: str
    pid: int
    slots: int
    gpu: str | None = None
    num_devices: int = 1
    pair_config: Mapping[str, Any] = field(default_factory=dict)


def register_worker(database: Database, new: NewWorker, *, lease_s: float) -> UUID:
    """Write the row of a worker with a lease of `lease_s`, and the row of its pair's fingerprint if it is new."""
    worker_id = uuid7()
    pair_row = {"fingerprint": new.pair_fingerprint, "name": new.pair, "config": dict(new.pair_config)}
    with transaction(database) as connection:
        connection.execute(insert_once(model_pair).values(pair_row).on_conflict_do_nothing())
        connection.execute(
            insert(worker).values(
                id=worker_id,
                pair=new.pair,
                pair_fingerprint=new.pair_fingerprint,
                gpu=new.gpu,
                host=new.host,
                pid=new.pid,
                slots=new.slots,
                num_devices=new.num_devices,
                lease_expires_at=now() + timedelta(seconds=lease_s),
            )
        )
        connection.execute(insert(event).values(kind=EventKind.WORKER_STARTED, worker_id=worker_id))
    return worker_id


def beat(database: Database, worker_id: UUID, *, lease_s: float) -> bool:
    """Renew the lease to `lease_s` from now. False if it was ended: the worker must stop every job at once."""
    holds = and_(worker.c.id == worker_id, worker.c.stopped_at.is_(None))
    renewed = (
        update(worker)
        .where(holds)
        .values(heartbeat_at=now(), lease_expires_at=now() + timedelta(seconds=lease_s))
    )
    with transaction(database) as connection:
        return connection.execute(renewed).rowcount == 1


def stop_worker(database: Database, worker_id: UUID) -> None:
    """End the lease now. The next `expire_leases` queues the jobs that the worker did not release."""
    stopped = (
        update(worker)
        .where(worker.c.id == worker_id, worker.c.stopped_at.is_(None))
        .values(stopped_at=now(), lease_expires_at=now())
    )
    with transaction(database) as connection:
        if connection.execute(stopped).rowcount:
            connection.execute(insert(event).values(kind=EventKind.WORKER_STOPPED, worker_id=worker_id))


def live_slots(database: Database) -> dict[str, int]:
    """The slots of the live workers of each pair. A pair without a live worker is missing."""
    slots = select(live_worker.c.pair, func.sum(live_worker.c.slots)).group_by(live_worker.c.pair)
    with transaction(database) as connection:
        return {pair: int(number) for pair, number in connection.execute(slots)}


def num_live_workers(database: Database, pair: str) -> int:
    """The number of live workers that hold the pair."""
    number = select(func.count()).select_from(live_worker).where(live_worker.c.pair == pair)
    with transaction(database) as connection:
        return int(connection.scalar(number) or 0)
