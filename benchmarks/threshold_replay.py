"""Threshold replay against real sweeps: `python -m benchmarks.threshold_replay --out DIR [--num N] [--rules RULE…]`.

Conditions: the demo pair in two vLLM engines of this process, an embedded Postgres with fsync on, held-out problems of
the demo pair's generator, greedy decoding, one job in flight, with empty prefix caches. Jobs go the product's way from
claim to stored end (`worker.run_job`); only the broker is left out. Each rule is a batch over the same problems. Each
problem runs under all rules in turn, in an order that goes round, so that a busy machine disturbs all alike.

Then each batch is replayed under the rules of the others, and what that predicts is compared with what these measured.
An error is predicted less measured: of acceptance in points, of latency as a share of what was measured. Intervals are
of problems drawn again together, 95 %. The servers' data lie in DIR, and a second call with the same number goes on
where the first one ended. The last line of stdout is one JSON object: `arms` has the predictions from threshold 7,
`errors` those of each batch for each other.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import text

from benchmarks.own_servers import conditions
from benchmarks.prefixes import forget_prefixes
from benchmarks.replay_errors import compare, name_of
from specreason.config import RunConfig, ScoreMethod
from specreason.demo.exercises import exercises
from specreason.embedded import start_servers
from specreason.engines.base import ModelPair
from specreason.engines.pair import close_pair, load_pair
from specreason.evaluation.judge.judgement import Rule
from specreason.pairs import get_pair, load_pairs
from specreason.settings import Settings
from specreason.store.access.visibility import Viewer
from specreason.store.analysis.judge.judged import read_judged
from specreason.store.migrate import migrate
from specreason.store.queue.batches import NewBatch, write_batches
from specreason.store.queue.dispatch import expire_leases
from specreason.store.queue.problems import NewProblem, check
from specreason.store.queue.workers import NewWorker, register_worker
from specreason.store.read.summaries import read_jobs
from specreason.store.session import Database, connect, transaction
from specreason.store.trace.writer import TraceWriter
from worker.grader import Graders, Turns, grade_pending
from worker.host import PairHost
from worker.run_job import JobRunner

PAIR = "demo"
SEED = 60_001
COMMON: dict[str, Any] = {
    "temperature": 0.0,
    "token_budget": 600,
    "max_step_tokens": 32,
    "max_answer_tokens": 24,
}
RULES = (
    *(Rule(score_method=ScoreMethod.GREEDY, threshold=threshold) for threshold in (3, 5, 7, 9)),
    *(Rule(score_method=ScoreMethod.EXPECTED, threshold=threshold) for threshold in (7, 8.9)),
)
SOURCE = RULES[2]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for the data of the servers")
    parser.add_argument("--num", type=int, default=200, help="problems")
    parser.add_argument(
        "--rules",
        nargs="+",
        choices=[name_of(rule) for rule in RULES if rule != SOURCE],
        help=f"with {name_of(SOURCE)}; default all",
    )
    arguments = parser.parse_args()
    rules = [
        rule
        for rule in RULES
        if arguments.rules is None or name_of(rule) in {*arguments.rules, name_of(SOURCE)}
    ]
    arguments.out.mkdir(parents=True, exist_ok=True)
    with start_servers(arguments.out / "data") as servers:
        database = connect(servers.database_url, pool_size=8)
        migrate(database)
        batches = [batch_of(database, rule, arguments.num) for rule in rules]
        run_missing(database, batches)
        with Graders() as graders:
            turns = Turns()
            while grade_pending(database, graders, turns):
                pass
        result = {
            "problems": arguments.num,
            **compare([read_judged(database, Viewer.EVERYONE, batch_id) for batch_id in batches], SOURCE),
            **conditions(database),
        }
        database.dispose()
    print(json.dumps(result))
    return 0


def batch_of(database: Database, rule: Rule, num: int) -> UUID:
    """The batch of this rule over so many problems, new or as an earlier call left it."""
    name = f"{name_of(rule)} over {num}"
    with transaction(database) as connection:
        found = connection.scalar(text("SELECT id FROM batch WHERE name = :name"), {"name": name})
        if found is not None:
            return UUID(str(found))
        problems = [
            NewProblem(text=each.text, answer=each.answer)
            for each in islice(exercises(SEED, held_out=True), num)
        ]
        config = RunConfig(score_method=rule.score_method, threshold=rule.threshold, **COMMON)
        new = NewBatch(name=name, pair=PAIR, config=config, problems=check(problems))
        return write_batches(connection, [new])[0]


def run_missing(database: Database, batches: Sequence[UUID]) -> None:
    """Run the jobs that have not ended, problem by problem."""
    # The worker of a call that was killed is gone. A job that it left resumes, and has no latency to compare.
    with transaction(database) as connection:
        connection.execute(text("UPDATE worker SET lease_expires_at = now() WHERE stopped_at IS NULL"))
    expire_leases(database)
    by_problem = [_open_jobs(database, batch_id) for batch_id in batches]
    if not any(by_problem):
        return
    host = PairHost()
    pair = host.run(load_pair(PAIR, get_pair(load_pairs(), PAIR)))
    try:
        _run(database, host, pair, by_problem)
    finally:
        host.run(close_pair(pair))
        host.close()


def _run(database: Database, host: PairHost, pair: ModelPair, by_problem: Sequence[dict[int, UUID]]) -> None:
    worker = NewWorker(pair=PAIR, pair_fingerprint=pair.fingerprint, host="here", pid=1, slots=1)
    worker_id = register_worker(database, worker, lease_s=86_400)
    writer = TraceWriter(database)
    runner = JobRunner(database, writer, host, pair, worker_id=worker_id, settings=Settings(slots=1))
    problems = sorted({problem for jobs in by_problem for problem in jobs})
    try:
        for number, problem in enumerate(problems, 1):
            # Another rule comes first each time.
            first = problem % len(by_problem)
            for jobs in (*by_problem[first:], *by_problem[:first]):
                if problem in jobs:
                    host.run(forget_prefixes(pair))
                    runner(jobs[problem])
            if number % 10 == 0:
                print(f"{number}/{len(problems)} problems", flush=True)
    finally:
        runner.draining.set()
        writer.close()


def _open_jobs(database: Database, batch_id: UUID) -> dict[int, UUID]:
    """The jobs that have not ended, by problem."""
    with transaction(database) as connection:
        many = connection.scalar(text("SELECT count(*) FROM job WHERE batch_id = :id"), {"id": batch_id})
    jobs = read_jobs(database, Viewer.EVERYONE, batch_id, limit=int(many or 0)).rows
    return {job.problem_index: job.job_id for job in jobs if not job.state.ended}


if __name__ == "__main__":
    sys.exit(main())
