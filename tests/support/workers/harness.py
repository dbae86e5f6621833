"""Real workers for the tests that kill them, and the other actions of such a test: submit, hold up, lock, count."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

import psycopg
from kombu import Connection

from specreason.children import kill_group, spawn_module
from specreason.config import RunConfig
from specreason.doorbell import Doorbell, queue_of
from specreason.embedded import Servers
from specreason.store.access.visibility import Viewer
from specreason.store.queue.batches import NewBatch
from specreason.store.queue.problems import NewProblem, check
from specreason.store.read.summaries import read_jobs
from specreason.store.session import Database, connect
from specreason.store.trace.writer import read_steps
from tests.support.api.apps import write_pairs
from tests.support.store.builders import PAIR, insert_batch
from tests.support.store.databases import own_database
from tests.support.store.queue_rules import broken_rules
from tests.support.store.sql import rows_of
from tests.support.workers.processes import alive, descendants, wait_for
from tests.support.workers.scripted_child import HOLDS, obedient_pair
from tests.support.workers.undisturbed import undisturbed

ROOT = Path(__file__).parents[3]
CONFIG = RunConfig(seed=7)
DEADLINE_S = 60.0  # for what takes a second or two on an idle machine


@dataclass(frozen=True, slots=True)
class Worker:
    """A supervisor with all that it started."""

    process: subprocess.Popen[bytes]
    database: Database = field(repr=False)

    @property
    def family(self) -> list[int]:
        return [self.process.pid, *descendants(self.process.pid)]

    @property
    def child_pid(self) -> int | None:
        """The child that can take jobs, if there is one."""
        rows = rows_of(
            self.database,
            "SELECT pid FROM worker WHERE stopped_at IS NULL AND lease_expires_at > now() ORDER BY id DESC",
        )
        below = descendants(self.process.pid)
        return next((pid for (pid,) in rows if pid in below), None)

    def wait_until_ready(self) -> None:
        until(lambda: self.child_pid is not None or self.process.poll() is not None)
        assert self.process.poll() is None, "the supervisor has ended"


@dataclass(slots=True)
class WorkerHarness:
    """One database, one broker, and the workers on them. Between two tests at most one worker runs."""

    database: Database
    database_url: str
    broker_url: str
    environment: dict[str, str]
    folder: Path
    pair: str = PAIR
    child_module: str = "tests.support.workers.scripted_child"
    workers: list[Worker] = field(default_factory=list)
    held: set[str] = field(default_factory=set)

    # Workers

    def worker(self) -> Worker:
        """The running worker, ready to take jobs; a new one if there is none."""
        self.workers = [worker for worker in self.workers if worker.process.poll() is None]
        while len(self.workers) > 1:  # a test has failed
            kill_group(self.workers.pop(0).process)
        worker = self.workers[0] if self.workers else self.start()
        worker.wait_until_ready()
        return worker

    def start(self) -> Worker:
        """Start another worker, which is ready some seconds later. The test ends the others before it returns."""
        with (self.folder / "workers.log").open("ab") as log:
            process = spawn_module(
                "tests.support.workers.supervisor",
                *("--pair", self.pair, "--child-module", self.child_module),
                environment=self.environment,
                output=log,
            )
        self.workers.append(Worker(process, self.database))
        return self.workers[-1]

    def close(self) -> None:
        for worker in self.workers:
            kill_group(worker.process)

    # Jobs

    def submit(self, *problems: str, config: RunConfig = CONFIG) -> tuple[UUID, ...]:
        given = [NewProblem(text=problem) for problem in problems]
        batch_id = insert_batch(
            self.database, NewBatch(name="kills", pair=self.pair, config=config, problems=check(given))
        )
        return tuple(
            job.job_id for job in read_jobs(self.database, Viewer.EVERYONE, batch_id, limit=1000).rows
        )

    def batch_of(self, job_id: UUID) -> UUID:
        ((batch_id,),) = rows_of(self.database, f"SELECT batch_id FROM job WHERE id = '{job_id}'")
        return batch_id

    def state(self, job_id: UUID) -> str:
        ((state,),) = rows_of(self.database, f"SELECT state FROM job WHERE id = '{job_id}'")
        return state

    def num_steps(self, *job_ids: UUID) -> list[int]:
        return [
            rows_of(self.database, f"SELECT count(*) FROM step WHERE job_id = '{job_id}'")[0][0]
            for job_id in job_ids
        ]

    def attempts(self, job_id: UUID) -> list[str]:
        rows = rows_of(
            self.database,
            f"SELECT coalesce(outcome, 'open'), first_step FROM attempt WHERE job_id = '{job_id}' ORDER BY number",
        )
        return [f"{outcome} from {first_step}" for outcome, first_step in rows]

    def wait_for_steps(self, *expected: tuple[UUID, int]) -> None:
        """Wait until each job has exactly so many steps: it is held up there."""
        until(lambda: self.num_steps(*(job_id for job_id, _ in expected)) == [n for _, n in expected])

    def wait_for_ends(self, *job_ids: UUID) -> None:
        """Wait until all have succeeded. The queue must have kept its rules; every trace must be undisturbed."""
        until(lambda: all(self.state(job_id) not in ("queued", "running") for job_id in job_ids))
        assert [self.state(job_id) for job_id in job_ids] == ["succeeded"] * len(job_ids)
        assert broken_rules(self.database) == []
        for job_id in job_ids:
            ((problem,),) = rows_of(
                self.database,
                f"SELECT problem.text FROM problem JOIN job ON job.problem_id = problem.id WHERE job.id = '{job_id}'",
            )
            kept = [step.kept_ids for step in read_steps(self.database, job_id)]
            assert kept == undisturbed_ids(problem)

    # Holding up

    def hold(self, *names: str) -> None:
        self.held.update(names)
        for name in names:
            (self.folder / name).touch()

    def let_go(self, *names: str) -> None:
        for name in names:
            (self.folder / name).unlink()

    def let_go_of_all(self) -> None:
        """Clean up after a test that failed: the jobs that it holds up would keep slots from those of the next test."""
        for name in self.held:
            (self.folder / name).unlink(missing_ok=True)
        self.held.clear()

    @contextmanager
    def lock(self, job_id: UUID, how: str) -> Iterator[None]:
        """Lock the job's row. FOR UPDATE holds up the commit of its next step, FOR SHARE holds up its end."""
        with psycopg.connect(self.database_url) as connection:
            connection.execute(f"SELECT FROM job WHERE id = '{job_id}' {how}")
            yield

    def num_blocked(self) -> int:
        """Statements that wait for a row."""
        waiting = "wait_event_type = 'Lock' AND datname = current_database()"
        ((number,),) = rows_of(self.database, f"SELECT count(*) FROM pg_stat_activity WHERE {waiting}")
        return number

    def end_blocked(self) -> None:
        """End the connections of the statements that wait for a row."""
        waiting = "wait_event_type = 'Lock' AND datname = current_database()"
        rows_of(self.database, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {waiting}")

    # Messages

    def announce(self, *job_ids: UUID) -> None:
        doorbell = Doorbell(self.broker_url)
        doorbell.announce(self.pair, job_ids)
        doorbell.close()

    def lose_messages(self) -> int:
        """Empty the queue; how many messages it held."""
        with Connection(self.broker_url) as connection:
            client = connection.default_channel.client
            number: int = client.llen(queue_of(self.pair))
            client.delete(queue_of(self.pair))
        return number


@contextmanager
def worker_harness(
    servers: Servers, administration: Database, settings: dict[str, float], **of_worker: str
) -> Iterator[WorkerHarness]:
    """Workers on a database of their own. `settings` has their settings, by name.

    They run the scripted pair unless `of_worker` names another `pair` of the package, or of a `pairs_file`, and the
    `child_module` that runs it.
    """
    pairs_file = of_worker.pop("pairs_file", None)
    with own_database(servers, administration) as url, TemporaryDirectory() as name:
        database, folder = connect(url), Path(name)
        environment = {
            "PYTHONPATH": str(ROOT),
            "SPECREASON_DATABASE_URL": url,
            "SPECREASON_BROKER_URL": servers.broker_url,
            "SPECREASON_PAIRS_FILE": pairs_file or str(write_pairs(folder)),
            HOLDS: name,
            **{f"SPECREASON_{setting.upper()}": str(value) for setting, value in settings.items()},
        }
        harness = WorkerHarness(database, url, servers.broker_url, environment, folder, **of_worker)
        harness.lose_messages()
        try:
            yield harness
        finally:
            harness.let_go_of_all()
            harness.close()
            sys.stdout.write((folder / "workers.log").read_text())  # pytest shows it where a test has failed
            database.dispose()


@cache
def undisturbed_ids(problem: str) -> list[tuple[int, ...]]:
    """The token ids that a run keeps, step by step, if nothing happens to it."""
    steps = asyncio.run(undisturbed(obedient_pair(), problem, CONFIG, seed=CONFIG.seed, repeat=0))
    return [step.kept_ids for step in steps]


def until(condition: Callable[[], bool]) -> None:
    wait_for(condition, DEADLINE_S)


def all_gone(pids: Sequence[int]) -> bool:
    return not any(alive(pid) for pid in pids)


def freeze(pid: int) -> None:
    """Stop the process, and return when all its threads have stopped: a signal takes effect later."""
    os.kill(pid, signal.SIGSTOP)
    until(lambda: all(state_of(thread) == "T" for thread in Path(f"/proc/{pid}/task").iterdir()))


def state_of(thread: Path) -> str:
    return (thread / "stat").read_text().rpartition(")")[2].split()[0]
