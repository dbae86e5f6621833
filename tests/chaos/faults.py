"""The faults, one function each. A fault that makes no sense at this moment does nothing and returns None.

What lasts (a server that is down, a frozen worker) is repaired later: the fault leaves the repair with the stage.
"""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import text

from specreason.errors import StoreUnavailable
from specreason.store.session import transaction

if TYPE_CHECKING:
    from tests.chaos.deployment.fleet import WorkerProcess
    from tests.chaos.deployment.stage import Stage

POSTGRES_DOWN_S = (2.0, 6.0)
LONG_OUTAGE_S = 30.0
POSTGRES_FROZEN_PAST_LEASE_S = 1.0
PAUSED_S = (1.0, 4.0)
CANCELLED_S = (0.5, 2.0)
MOST_CANCELLED = 4
BROKER_DOWN_S = (0.5, 3.0)
BROKER_REFUSES_S = (2.0, 8.0)
BROKER_SILENT_S = (3.0, 10.0)
CUTS, CUTS_WITHIN_S = 4, 3.0
FROZEN_PAST_LEASE_S = (0.0, 3.0)  # some wake just when their jobs are taken up by others
ZOMBIE_S = 1.0  # a thawed child runs alone for so long before its supervisor does
SOME = 20  # most messages sent twice or dropped
CUT = text(
    """
    SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND random() < 0.7
    """
)


class FaultKind(StrEnum):
    KILL_CHILD = "kill_child"
    KILL_SUPERVISOR = "kill_supervisor"
    WATCHED_KILL_CHILD = "watched_kill_child"
    WATCHED_KILL_SUPERVISOR = "watched_kill_supervisor"
    FREEZE = "freeze"
    KILL_ENGINE = "kill_engine"
    HANG_ENGINE = "hang_engine"
    FLUSH_BROKER = "flush_broker"
    RESTART_BROKER = "restart_broker"
    RESTART_POSTGRES = "restart_postgres"
    LONG_OUTAGE = "long_outage"
    FREEZE_POSTGRES = "freeze_postgres"
    KILL_API = "kill_api"
    PAUSE_BATCH = "pause_batch"
    CANCEL_JOBS = "cancel_jobs"
    CUT_CONNECTIONS = "cut_connections"
    DUPLICATE_MESSAGES = "duplicate_messages"
    DROP_MESSAGES = "drop_messages"
    REPLICA_BROKER = "replica_broker"
    FULL_BROKER = "full_broker"
    UNSAVABLE_BROKER = "unsavable_broker"
    CUT_BROKER = "cut_broker"
    SILENT_BROKER = "silent_broker"


WATCHED_KILLS = (FaultKind.WATCHED_KILL_CHILD, FaultKind.WATCHED_KILL_SUPERVISOR)
KILLS = (FaultKind.KILL_CHILD, FaultKind.KILL_SUPERVISOR, *WATCHED_KILLS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault that was injected, `at` unix seconds.

    `struck` are the jobs whose worker it took, or whose message. `watched`: the monkey keeps still until they run
    again, and that time is a recovery time.
    """

    kind: FaultKind
    at: float = field(default_factory=time.time)
    worker_id: UUID | None = None
    struck: tuple[tuple[UUID, int], ...] = ()  # job, and its fence then
    watched: bool = False


Inject = Callable[["Stage", random.Random], Fault | None]


def kill_child(stage: Stage, rng: random.Random) -> Fault | None:
    return _strike(stage, rng, FaultKind.KILL_CHILD, lambda worker: worker.kill_child())


def kill_supervisor(stage: Stage, rng: random.Random) -> Fault | None:
    return _strike(stage, rng, FaultKind.KILL_SUPERVISOR, lambda worker: worker.kill_supervisor())


def watched_kill_child(stage: Stage, rng: random.Random) -> Fault | None:
    return _strike(stage, rng, FaultKind.WATCHED_KILL_CHILD, lambda worker: worker.kill_child(), watched=True)


def watched_kill_supervisor(stage: Stage, rng: random.Random) -> Fault | None:
    return _strike(
        stage, rng, FaultKind.WATCHED_KILL_SUPERVISOR, lambda worker: worker.kill_supervisor(), watched=True
    )


def kill_engine(stage: Stage, rng: random.Random) -> Fault | None:
    return _strike(stage, rng, FaultKind.KILL_ENGINE, lambda worker: worker.kill_engine())


def hang_engine(stage: Stage, rng: random.Random) -> Fault | None:
    return _strike(stage, rng, FaultKind.HANG_ENGINE, lambda worker: worker.hang_engine())


def freeze(stage: Stage, rng: random.Random) -> Fault | None:
    """Supervisor and child stand still past their lease; the child wakes first, and writes."""
    if not stage.servers.both_run or any(worker.frozen for worker in stage.fleet.workers):
        return None
    frozen: list[WorkerProcess] = []

    def begin(worker: WorkerProcess) -> None:
        worker.freeze()
        frozen.append(worker)

    fault = _strike(stage, rng, FaultKind.FREEZE, begin)
    for worker in frozen:
        past_s = stage.lease_s + rng.uniform(*FROZEN_PAST_LEASE_S)
        stage.later(past_s, worker.thaw_child)
        stage.later(past_s + ZOMBIE_S, worker.thaw_supervisor)
    return fault


def flush_broker(stage: Stage, rng: random.Random) -> Fault | None:
    """When messages wait: an empty broker has nothing to lose."""
    seen = stage.snapshot()
    if seen is None or len(seen.announced) <= stage.slots or not stage.broker.flush():
        return None
    return Fault(
        kind=FaultKind.FLUSH_BROKER,
        struck=tuple((job_id, 0) for job_id in seen.announced),
        watched=stage.calm and bool(seen.slots),
    )


def restart_broker(stage: Stage, rng: random.Random) -> Fault | None:
    if not stage.servers.both_run:
        return None
    stage.servers.kill_broker()
    stage.later(rng.uniform(*BROKER_DOWN_S), stage.servers.start_broker)
    return Fault(kind=FaultKind.RESTART_BROKER)


def restart_postgres(stage: Stage, rng: random.Random) -> Fault | None:
    if not stage.servers.both_run:
        return None
    stage.servers.kill_postgres(rng.choice((signal.SIGKILL, signal.SIGQUIT)))
    stage.later(rng.uniform(*POSTGRES_DOWN_S), stage.servers.start_postgres)
    return Fault(kind=FaultKind.RESTART_POSTGRES)


def long_outage(stage: Stage, rng: random.Random) -> Fault | None:
    """Postgres is away for half a minute: longer than any lease."""
    if not stage.servers.both_run:
        return None
    stage.servers.kill_postgres(signal.SIGKILL)
    stage.later(LONG_OUTAGE_S, stage.servers.start_postgres)
    return Fault(kind=FaultKind.LONG_OUTAGE)


def freeze_postgres(stage: Stage, rng: random.Random) -> Fault | None:
    """Longer than a lease; no frozen worker meanwhile, which would lose its own for good reason."""
    if not stage.servers.both_run or any(worker.frozen for worker in stage.fleet.workers):
        return None
    stage.servers.freeze_postgres(stage.lease_s + POSTGRES_FROZEN_PAST_LEASE_S)
    return Fault(kind=FaultKind.FREEZE_POSTGRES)


def kill_api(stage: Stage, rng: random.Random) -> Fault | None:
    stage.api.kill()
    return Fault(kind=FaultKind.KILL_API)


def pause_batch(stage: Stage, rng: random.Random) -> Fault | None:
    """A user pauses a batch that runs, and resumes it."""
    seen = stage.snapshot()
    if seen is None or not seen.running or not stage.api.answers:
        return None
    batch_id = rng.choice(seen.running).batch_id
    stage.api.post(f"/api/batches/{batch_id}/pause")  # resumed even if the answer to this was lost
    stage.ask_later(rng.uniform(*PAUSED_S), lambda: stage.api.post(f"/api/batches/{batch_id}/resume"))
    return Fault(kind=FaultKind.PAUSE_BATCH)


def cancel_jobs(stage: Stage, rng: random.Random) -> Fault | None:
    """A user cancels jobs that run, and queues them again."""
    seen = stage.snapshot()
    if seen is None or not seen.running or not stage.api.answers:
        return None
    chosen = rng.sample(seen.running, k=min(len(seen.running), rng.randint(1, MOST_CANCELLED)))
    for job in chosen:
        stage.api.post(f"/api/jobs/{job.job_id}/cancel")
        path = f"/api/jobs/{job.job_id}/requeue"
        stage.ask_later(rng.uniform(*CANCELLED_S), lambda path=path: stage.api.post(path))
    return Fault(kind=FaultKind.CANCEL_JOBS)


def cut_connections(stage: Stage, rng: random.Random) -> Fault | None:
    try:
        with transaction(stage.database) as connection:
            connection.execute(CUT)
    except StoreUnavailable:
        return None
    return Fault(kind=FaultKind.CUT_CONNECTIONS)


def duplicate_messages(stage: Stage, rng: random.Random) -> Fault | None:
    """Queued and running jobs are announced once more."""
    seen = stage.snapshot()
    if seen is None or not seen.running or not stage.servers.broker_runs:
        return None
    known = [job.job_id for job in seen.running] + list(seen.queued)
    chosen = rng.sample(known, k=min(SOME, len(known)))
    return Fault(kind=FaultKind.DUPLICATE_MESSAGES) if stage.broker.send(chosen) else None


def drop_messages(stage: Stage, rng: random.Random) -> Fault | None:
    if not stage.servers.broker_runs or not stage.broker.drop(rng.randint(1, SOME)):
        return None
    return Fault(kind=FaultKind.DROP_MESSAGES)


def replica_broker(stage: Stage, rng: random.Random) -> Fault | None:
    """The broker is a replica for a while, as in a failover."""
    return _refuse(stage, rng, FaultKind.REPLICA_BROKER, stage.broker.become_replica)


def full_broker(stage: Stage, rng: random.Random) -> Fault | None:
    """The broker has no memory left for a while."""
    return _refuse(stage, rng, FaultKind.FULL_BROKER, stage.broker.fill)


def unsavable_broker(stage: Stage, rng: random.Random) -> Fault | None:
    """The broker cannot save for a while."""
    return _refuse(stage, rng, FaultKind.UNSAVABLE_BROKER, stage.broker.lose_disk)


def cut_broker(stage: Stage, rng: random.Random) -> Fault | None:
    """Every connection to the broker is cut, four times within three seconds."""
    if not stage.servers.broker_runs:
        return None
    stage.wire.cut()
    for number in range(1, CUTS):
        stage.later(number * CUTS_WITHIN_S / (CUTS - 1), stage.wire.cut)
    return Fault(kind=FaultKind.CUT_BROKER)


def silent_broker(stage: Stage, rng: random.Random) -> Fault | None:
    """Every connection to the broker is dropped, and neither side is told."""
    if not stage.servers.broker_runs:
        return None
    stage.wire.go_silent()
    stage.later(rng.uniform(*BROKER_SILENT_S), stage.wire.speak)
    return Fault(kind=FaultKind.SILENT_BROKER)


INJECT: dict[FaultKind, Inject] = {
    FaultKind.KILL_CHILD: kill_child,
    FaultKind.KILL_SUPERVISOR: kill_supervisor,
    FaultKind.WATCHED_KILL_CHILD: watched_kill_child,
    FaultKind.WATCHED_KILL_SUPERVISOR: watched_kill_supervisor,
    FaultKind.FREEZE: freeze,
    FaultKind.KILL_ENGINE: kill_engine,
    FaultKind.HANG_ENGINE: hang_engine,
    FaultKind.FLUSH_BROKER: flush_broker,
    FaultKind.RESTART_BROKER: restart_broker,
    FaultKind.RESTART_POSTGRES: restart_postgres,
    FaultKind.LONG_OUTAGE: long_outage,
    FaultKind.FREEZE_POSTGRES: freeze_postgres,
    FaultKind.KILL_API: kill_api,
    FaultKind.PAUSE_BATCH: pause_batch,
    FaultKind.CANCEL_JOBS: cancel_jobs,
    FaultKind.CUT_CONNECTIONS: cut_connections,
    FaultKind.DUPLICATE_MESSAGES: duplicate_messages,
    FaultKind.DROP_MESSAGES: drop_messages,
    FaultKind.REPLICA_BROKER: replica_broker,
    FaultKind.FULL_BROKER: full_broker,
    FaultKind.UNSAVABLE_BROKER: unsavable_broker,
    FaultKind.CUT_BROKER: cut_broker,
    FaultKind.SILENT_BROKER: silent_broker,
}


def _refuse(stage: Stage, rng: random.Random, kind: FaultKind, begin: Callable[[], bool]) -> Fault | None:
    """Let the broker refuse messages, and take them again later."""
    if not stage.servers.broker_runs or not begin():
        return None
    stage.later(rng.uniform(*BROKER_REFUSES_S), stage.broker.recover)
    return Fault(kind=kind)


def _strike(
    stage: Stage,
    rng: random.Random,
    kind: FaultKind,
    how: Callable[[WorkerProcess], None],
    *,
    watched: bool = False,
) -> Fault | None:
    """Do it to a sound worker at a moment when a job of it has stored a step.

    `watched`: at a moment when nothing waits or is broken, and the other workers have room for its jobs.
    """
    seen = stage.snapshot()
    if seen is None or (watched and (seen.queued or not stage.calm)):
        return None
    targets = {job.pid: job.worker_id for job in seen.running if job.has_steps}
    sound = {worker.child: worker for worker in stage.fleet.workers if worker.sound}
    pids = sorted(targets.keys() & sound.keys())
    if watched:
        free = {pid: seen.free_slots(pid) for pid in sound if pid is not None}
        pids = [pid for pid in pids if sum(free.values()) - free[pid] >= len(seen.running_on(pid))]
    if not pids:
        return None
    pid = rng.choice(pids)
    how(sound[pid])
    return Fault(
        kind=kind,
        worker_id=targets[pid],
        struck=tuple((job.job_id, job.fence) for job in seen.running_on(pid)),
        watched=watched,
    )
