"""How fast steps become durable, and how long a step loop waits for that: `python -m benchmarks.trace_store`.

Conditions: an embedded Postgres of its own with fsync on, one process, one trace writer, 16 and 64 jobs in flight. A
step has a draft of 60 tokens and a verdict; every third draft is rejected and written again in 60 tokens.

*Rate*: jobs append as fast as they may, that is, each waits for the step before it to be durable.

*Wait*: time inside `append` when a step takes 50 ms, as with a model: the wait for the step before, and handing over
this one.

The last line of stdout is one JSON object.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import replace

from benchmarks.own_servers import conditions, empty, own_servers, vacuum
from specreason.config import RunConfig
from specreason.engines.base import Completion, FinishReason, Role, Verdict
from specreason.reasoning.steps import Decision, Phase, StepRecord
from specreason.store.access.visibility import Viewer
from specreason.store.queue.batches import NewBatch, write_batches
from specreason.store.queue.claims import ClaimedJob
from specreason.store.queue.jobs import claim
from specreason.store.queue.problems import NewProblem, check
from specreason.store.queue.workers import NewWorker, register_worker
from specreason.store.read.summaries import read_jobs
from specreason.store.session import Database, connect, transaction
from specreason.store.trace.writer import TraceWriter

PAIR = "bench"
IN_FLIGHT = (16, 64)
STEP_S = 0.05
TARGET_STEPS_PER_S, TARGET_WAIT_MS = 2000, 2
TEXT = "So the sum of the first two terms is forty-two, and the third term has to be even as well.\n\n"
COMPLETION = Completion(
    token_ids=tuple(range(20_000, 20_060)),
    text=TEXT,
    finish_reason=FinishReason.DELIMITER,
    num_prompt_tokens=1200,
    num_cached_tokens=1184,
    ttft_s=0.0123,
    latency_s=0.321,
)
ACCEPTED = StepRecord(
    index=0,
    phase=Phase.THINK,
    decision=Decision.ACCEPTED,
    author=Role.DRAFTER,
    kept_ids=COMPLETION.token_ids,
    kept_text=TEXT,
    threshold=7.0,
    draft=COMPLETION,
    verdict=Verdict(
        digit=8,
        digit_probs=tuple(i / 45.1 for i in range(10)),
        token_id=23,
        num_prompt_tokens=1270,
        num_cached_tokens=1200,
        latency_s=0.1,
    ),
)
REJECTED = replace(ACCEPTED, decision=Decision.REJECTED, author=Role.BASE, written=COMPLETION)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=16_000, help="steps per measurement of the rate")
    parser.add_argument("--waits", type=int, default=100, help="steps per job when the wait is measured")
    arguments = parser.parse_args()
    figures = []
    with own_servers() as servers:
        database = connect(servers.database_url)
        facts = conditions(database)
        print(", ".join(f"{name} {value}" for name, value in facts.items()))
        writer = TraceWriter(database)
        asyncio.run(append_steps(writer, claim_jobs(database, 16), 20))  # connections and plans are cold
        for num_jobs in IN_FLIGHT:
            claims = claim_jobs(database, num_jobs)
            started = time.perf_counter()
            asyncio.run(append_steps(writer, claims, arguments.steps // num_jobs))
            steps_per_s = arguments.steps // num_jobs * num_jobs / (time.perf_counter() - started)
            claims = claim_jobs(database, num_jobs)
            waits_ms = asyncio.run(append_steps(writer, claims, arguments.waits, step_s=STEP_S))
            median_ms, p99_ms = statistics.median(waits_ms), statistics.quantiles(waits_ms, n=100)[-1]
            print(
                f"{num_jobs:3d} jobs in flight: {steps_per_s:6.0f} durable steps/s (target {TARGET_STEPS_PER_S});"
                f" a loop of {1000 * STEP_S:.0f} ms steps waits {median_ms:.2f} ms (median, target {TARGET_WAIT_MS}),"
                f" {p99_ms:.2f} ms (99th percentile)"
            )
            figures.append(
                {
                    "in_flight": num_jobs,
                    "durable_steps_per_s": round(steps_per_s),
                    "median_wait_ms": round(median_ms, 3),
                    "p99_wait_ms": round(p99_ms, 3),
                }
            )
        writer.close()
        database.dispose()
    print(json.dumps({"trace_store": figures, **facts}))
    return 0


def claim_jobs(database: Database, number: int) -> list[ClaimedJob]:
    """The only jobs in the database."""
    empty(database)
    problems = [NewProblem(text=f"What is 2 + {i}?") for i in range(number)]
    new = NewBatch(name="steps", pair=PAIR, config=RunConfig(), problems=check(problems))
    with transaction(database) as connection:
        (batch_id,) = write_batches(connection, [new])
    new = NewWorker(pair=PAIR, pair_fingerprint=PAIR, host="here", pid=1, slots=number)
    worker_id = register_worker(database, new, lease_s=86_400)
    claims = [
        claim(database, job.job_id, worker_id=worker_id, pair_fingerprint=PAIR)
        for job in read_jobs(database, Viewer.EVERYONE, batch_id, limit=number).rows
    ]
    # The tables of steps are empty: after a vacuum Postgres would plan for no rows.
    vacuum(database, "job", "attempt")
    return [claimed for claimed in claims if claimed is not None]


async def append_steps(
    writer: TraceWriter, claims: Sequence[ClaimedJob], num_steps: int, *, step_s: float = 0.0
) -> list[float]:
    """Every job appends `num_steps`, each after `step_s` of work; how long each append took, ms."""
    waits_ms: list[float] = []

    async def run(claimed: ClaimedJob) -> None:
        sink = writer.sink(claimed)
        for index in range(num_steps):
            if step_s:
                await asyncio.sleep(step_s)
            started = time.perf_counter()
            await sink.append(replace(REJECTED if index % 3 == 0 else ACCEPTED, index=index))
            waits_ms.append(1000 * (time.perf_counter() - started))
        await sink.flush()

    await asyncio.gather(*(run(claimed) for claimed in claims))
    return waits_ms


if __name__ == "__main__":
    sys.exit(main())
