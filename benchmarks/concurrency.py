"""How many jobs a second one pair gets through, by jobs in flight: `python -m benchmarks.concurrency [--jobs N]`.

Conditions: the demo pair in two vLLM engines of this process, an embedded Postgres with fsync on; scheme `specreason`
at threshold 7, greedy decoding, held-out problems of the demo pair's generator. Jobs go the product's way from claim
to stored end (`worker.run_job`), each in a thread as in Celery's pool; only the broker is left out.

`direct_jobs_per_s`: the engine calls of the same jobs, with the same prompts and lengths, made one after the other
within a job, 16 jobs in flight, with nothing of ours between them. `share_of_direct` compares it with ours without
overlap, which makes the same calls in the same order; each is measured twice in turn, and the means are compared.
Prefix caches are emptied before each measurement. The last line of stdout is one JSON object.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from statistics import fmean
from uuid import UUID

from benchmarks.own_servers import conditions, empty, own_servers
from benchmarks.prefixes import forget_prefixes
from specreason.config import RunConfig
from specreason.demo.exercises import exercises
from specreason.engines.base import Limits, ModelPair, Role, Sampling
from specreason.engines.pair import close_pair, load_pair
from specreason.pairs import get_pair, load_pairs
from specreason.reasoning.scoring import Judge
from specreason.reasoning.steps import StepRecord
from specreason.reasoning.transcript import Transcript
from specreason.settings import Settings
from specreason.store.access.visibility import Viewer
from specreason.store.queue.batches import NewBatch, write_batches
from specreason.store.queue.problems import NewProblem, check
from specreason.store.queue.workers import NewWorker, register_worker
from specreason.store.read.summaries import read_jobs
from specreason.store.session import Database, connect, transaction
from specreason.store.tables.states import JobState
from specreason.store.trace.writer import TraceWriter, read_steps
from specreason.submission.chat import user_turn
from worker.host import PairHost
from worker.run_job import JobRunner

PAIR = "demo"
SEED = 40_001
IN_FLIGHT = (1, 4, 16, 64)
COMPARED = 16
CONFIG = RunConfig(threshold=7, temperature=0.0, token_budget=600, max_step_tokens=32, max_answer_tokens=24)
GREEDY = Sampling(temperature=0.0)

Call = Callable[[], Awaitable[object]]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--jobs", type=int, default=128, help="per measurement; a quarter of them at one in flight"
    )
    arguments = parser.parse_args()
    host = PairHost()
    with own_servers() as servers:
        database = connect(servers.database_url, pool_size=max(IN_FLIGHT) + 4)
        facts = conditions(database)
        pair = host.run(load_pair(PAIR, get_pair(load_pairs(), PAIR)))
        try:
            texts = [exercise.text for exercise in islice(exercises(SEED, held_out=True), arguments.jobs)]
            run_jobs(database, host, pair, texts[:8], in_flight=4)  # caches and plans are cold
            rates = {}
            for in_flight in IN_FLIGHT:
                chosen = texts if in_flight > 1 else texts[: len(texts) // 4]
                rate, _ = run_jobs(database, host, pair, chosen, in_flight=in_flight)
                rates[str(in_flight)] = round(rate, 3)
                print(f"{in_flight:3d} in flight: {rate:.2f} jobs/s", flush=True)
            ours, direct = [], []
            for _ in range(2):
                rate, job_ids = run_jobs(database, host, pair, texts, in_flight=COMPARED, overlap=False)
                ours.append(rate)
                steps = [read_steps(database, job_id) for job_id in job_ids]
                jobs = [calls_of(pair, text, done) for text, done in zip(texts, steps, strict=True)]
                host.run(forget_prefixes(pair))
                direct.append(host.run(replay(jobs, COMPARED)))
                print(f"    without overlap {ours[-1]:.2f}, direct {direct[-1]:.2f} jobs/s", flush=True)
        finally:
            host.run(close_pair(pair))
            host.close()
        database.dispose()
    result = {
        "jobs_per_s": rates,
        "jobs_per_s_without_overlap": round(fmean(ours), 3),
        "direct_jobs_per_s": round(fmean(direct), 3),
        "share_of_direct": round(fmean(ours) / fmean(direct), 3),
        "jobs": arguments.jobs,
        **facts,
    }
    print(json.dumps(result))
    return 0


def run_jobs(
    database: Database,
    host: PairHost,
    pair: ModelPair,
    texts: Sequence[str],
    *,
    in_flight: int,
    overlap: bool = True,
) -> tuple[float, list[UUID]]:
    """Jobs per second from first claim to last stored end, and the jobs in the order of `texts`."""
    empty(database)
    host.run(forget_prefixes(pair))
    config = CONFIG.model_copy(update={"overlap": overlap})
    problems = check([NewProblem(text=text) for text in texts])
    with transaction(database) as connection:
        new = NewBatch(name="bench", pair=PAIR, config=config, problems=problems)
        (batch_id,) = write_batches(connection, [new])
    job_ids = [job.job_id for job in read_jobs(database, Viewer.EVERYONE, batch_id, limit=len(texts)).rows]
    worker = NewWorker(pair=PAIR, pair_fingerprint=pair.fingerprint, host="here", pid=1, slots=in_flight)
    worker_id = register_worker(database, worker, lease_s=86_400)
    writer = TraceWriter(database)
    runner = JobRunner(database, writer, host, pair, worker_id=worker_id, settings=Settings(slots=in_flight))
    with ThreadPoolExecutor(in_flight) as threads:
        started = time.perf_counter()
        list(threads.map(runner, job_ids))
        wall_s = time.perf_counter() - started
    runner.draining.set()
    writer.close()
    ended = read_jobs(database, Viewer.EVERYONE, batch_id, limit=len(texts)).rows
    assert all(job.state is JobState.SUCCEEDED for job in ended)
    return len(texts) / wall_s, job_ids


def calls_of(pair: ModelPair, problem: str, steps: Sequence[StepRecord]) -> list[Call]:
    """The engine calls that led to `steps`, each with the length that it had."""
    judge = Judge.of(pair.base.tokenizer, pair.judge_suffix)
    transcript = Transcript(pair, user_turn(problem))
    calls: list[Call] = []

    def generate(role: Role, num_tokens: int) -> None:
        ids, limits = transcript.ids(role), Limits(max_tokens=num_tokens, stop_at_think_end=False)
        engine = pair.engine(role)
        calls.append(lambda: engine.generate(ids, limits=limits, sampling=GREEDY, seed=0))

    for step in steps:
        if step.draft is not None:
            generate(Role.DRAFTER, step.draft.num_tokens)
            draft_ids, _ = transcript.kept_part(step.draft, Role.DRAFTER)
            question = transcript.ids(Role.BASE) + draft_ids + judge.suffix_ids
            calls.append(lambda question=question: pair.base.score(question, digit_ids=judge.digit_ids))  # type: ignore[misc]
        if step.written is not None:
            assert step.author is not None
            generate(step.author, step.written.num_tokens)
        transcript.append(step)
    return calls


async def replay(jobs: Sequence[Sequence[Call]], in_flight: int) -> float:
    """Jobs per second when nothing but the calls is done."""
    free = asyncio.Semaphore(in_flight)

    async def run(calls: Sequence[Call]) -> None:
        async with free:
            for call in calls:
                await call()

    started = time.perf_counter()
    await asyncio.gather(*(run(calls) for calls in jobs))
    return len(jobs) / (time.perf_counter() - started)


if __name__ == "__main__":
    sys.exit(main())
