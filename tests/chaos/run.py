"""One chaos run from empty data directory to report."""

from __future__ import annotations

import os
import random
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from specreason.addresses import BrokerAddress
from specreason.embedded.valkey import SOCKET
from specreason.errors import StoreUnavailable
from specreason.store.migrate import migrate
from specreason.store.session import Database, connect
from tests.chaos.audit import audit, num_unfinished, outcomes
from tests.chaos.deployment.api import ApiProcess
from tests.chaos.deployment.broker import Broker
from tests.chaos.deployment.faulty_child import STEP_LOG
from tests.chaos.deployment.fleet import Fleet
from tests.chaos.deployment.servers import KillableServers
from tests.chaos.deployment.stage import Stage
from tests.chaos.divergence import diverged
from tests.chaos.faults import KILLS
from tests.chaos.monkey import Monkey
from tests.chaos.profiles import SCRIPTED, Profile
from tests.chaos.recovery import recovery_s
from tests.chaos.repeated import repeated_steps
from tests.chaos.report import Report
from tests.chaos.workload import Submitter, plan
from tests.support.servers.proxy import Proxy
from tests.support.store.queue_rules import broken_rules
from tests.support.workers.processes import with_environment

ROOT = Path(__file__).parents[2]
LONG_RUN_S = 120.0  # shorter ones have no room for a long outage
TICK_S = 0.05
TELL_EVERY_S = 5.0
UNDO_EVERY_S = 2.0
FIRST_FAULT_AFTER_S = 1.0
PATIENCE = 1 / 12  # of a run: most that a watched kill waits for its moment


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """`drain_s` bounds the wait for the last job once everything is healed."""

    profile: Profile
    seed: int
    duration_s: float
    num_jobs: int
    num_workers: int
    gap_s: float
    drain_s: float
    folder: Path


class ChaosRun:
    """Call it on the main thread only."""

    def __init__(self, options: Options, console: Console) -> None:
        self._options = options
        self._console = console
        self._tell_at = 0.0
        self._broken_rules: set[str] = set()
        self._started = time.monotonic()

    def run(self) -> Report:
        options = self._options
        step_log = options.folder / "steps.txt"
        step_log.touch()
        with (
            KillableServers(options.folder / "data") as servers,
            Proxy(str(servers.broker_folder / SOCKET)) as wire,
        ):
            database = connect(servers.database_url, pool_size=2)
            migrate(database)
            environment = self._environment(servers, wire, step_log)
            fleet = Fleet(options.profile, options.num_workers, environment, options.folder)
            api = ApiProcess(environment, options.folder / "api.log")
            stage = Stage(
                servers=servers,
                fleet=fleet,
                api=api,
                database=database,
                broker=Broker(servers.broker_url, options.profile.pair, servers.broker_folder),
                wire=wire,
                lease_s=options.profile.lease_s,
                slots=options.profile.slots,
            )
            try:
                self._wait_for_workers(stage)
                chance = random.Random(options.seed)
                arrivals = plan(options.profile, options.num_jobs, options.duration_s, chance)
                monkey = Monkey(
                    stage,
                    options.profile.deck,
                    gap_s=options.gap_s,
                    patience_s=options.duration_s * PATIENCE,
                    rng=chance,
                    once=options.profile.once if options.duration_s >= LONG_RUN_S else None,
                    once_after_s=options.duration_s / 2,
                )
                self._started = time.monotonic()
                submitter = Submitter(api, arrivals)
                self._break_things(stage, monkey, submitter)
                self._drain(stage, monkey, submitter)
            finally:
                fleet.stop()
                api.stop()
            return self._report(database, stage, monkey, submitter, step_log)

    def _environment(self, servers: KillableServers, wire: Proxy, step_log: Path) -> dict[str, str]:
        password = BrokerAddress.parse("broker", servers.broker_url).password
        # spawn_module keeps the working directory off the path, and tests are not installed.
        path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        return self._options.profile.environment | {
            "SPECREASON_DATABASE_URL": servers.database_url,
            "SPECREASON_BROKER_URL": f"redis://:{password}@127.0.0.1:{wire.port}/0",
            "PYTHONPATH": path,
            STEP_LOG: str(step_log),
        }

    def _wait_for_workers(self, stage: Stage) -> None:
        self._console.print(
            f"Starting {self._options.num_workers} workers; logs are in {self._options.folder}"
        )
        deadline = time.monotonic() + self._options.profile.start_s
        while (seen := stage.snapshot()) is None or len(seen.slots) < self._options.num_workers:
            if stage.fleet.ended or time.monotonic() > deadline:
                raise TimeoutError(f"the workers did not start: see {self._options.folder}/worker-0.log")
            stage.tend()
            time.sleep(TICK_S)

    def _break_things(self, stage: Stage, monkey: Monkey, submitter: Submitter) -> None:
        end = self._started + self._options.duration_s
        while time.monotonic() < end:
            stage.tend()
            if monkey.watching:
                submitter.may_submit.clear()
            else:
                submitter.may_submit.set()
            if time.monotonic() > self._started + FIRST_FAULT_AFTER_S:
                monkey.tick()
            self._tell(stage, monkey)
            time.sleep(TICK_S)

    def _drain(self, stage: Stage, monkey: Monkey, submitter: Submitter) -> None:
        self._console.print("No more faults: everything is healed, the jobs may end")
        submitter.may_submit.set()
        submitter.hurry.set()
        stage.heal()
        undo_at = 0.0
        deadline = time.monotonic() + self._options.drain_s
        while time.monotonic() < deadline:
            stage.tend()
            self._tell(stage, monkey)
            if time.monotonic() >= undo_at:
                undo_at = time.monotonic() + UNDO_EVERY_S
                stage.undo_controls()
            try:
                if submitter.done and num_unfinished(stage.database) == 0:
                    return
            except StoreUnavailable:
                pass
            time.sleep(TICK_S)

    def _tell(self, stage: Stage, monkey: Monkey) -> None:
        """Log a line now and then, and check the queue's rules."""
        if time.monotonic() < self._tell_at:
            return
        self._tell_at = time.monotonic() + TELL_EVERY_S
        jobs = "Postgres is away"
        with suppress(StoreUnavailable):
            self._broken_rules.update(broken_rules(stage.database))
        seen = stage.snapshot()
        if seen is not None:
            jobs = f"{len(seen.running)} running, {len(seen.queued)} queued, {len(seen.slots)} workers live"
        last = f", last {monkey.faults[-1].kind}" if monkey.faults else ""
        self._console.print(
            f"{time.monotonic() - self._started:4.0f} s  {jobs}  |  {len(monkey.faults)} faults{last}",
            highlight=False,
        )

    def _report(
        self,
        database: Database,
        stage: Stage,
        monkey: Monkey,
        submitter: Submitter,
        step_log: Path,
    ) -> Report:
        self._console.print("Auditing")
        options = self._options
        killed = [
            fault.worker_id for fault in monkey.faults if fault.kind in KILLS and fault.worker_id is not None
        ]
        scripted = options.profile is SCRIPTED
        return Report(
            seed=options.seed,
            duration_s=options.duration_s,
            pair=options.profile.pair,
            workers=options.num_workers,
            broken_rules=sorted(self._broken_rules.union(broken_rules(database))),
            audit=audit(database, num_submitted=submitter.num_jobs, killed=killed),
            outcomes=outcomes(database),
            faults=monkey.counts(),
            unanswered=submitter.num_unanswered,
            orphans=len(with_environment(f"{STEP_LOG}={step_log}")),
            supervisors_ended=stage.fleet.ended,
            diverged=len(diverged(database)) if scripted else None,
            repeated_steps=repeated_steps(database, step_log) if scripted else None,
            recovery_s=recovery_s(database, monkey.faults, slots=options.profile.slots),
            recovery_bound_s=options.profile.lease_s + 2,
        )
