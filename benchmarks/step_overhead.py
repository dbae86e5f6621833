"""How much of a job's wall time is ours: `python -m benchmarks.step_overhead [--jobs N]`.

Conditions: the whole product on this machine (embedded servers, API, worker, the demo pair in two vLLM engines), one
job in flight, scheme `specreason` at the pair's threshold, greedy decoding, the bundled problems. `own_share` is
1 - (seconds inside engine calls) / (wall seconds from a job's claim to its stored end), summed over the jobs; it
holds the step loop, the durable step rows and the finish. `idle_share` is the time between two jobs (message, claim),
against the wall time from the first claim to the last end. The last line of stdout is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx2

from specreason.cli.local.demo import CONFIG
from specreason.cli.local.stack import Stack, running_stack
from specreason.store.read.query import read_only_query
from specreason.submission.problem import BUNDLED_PROBLEMS

WARM_UP_JOBS = 2  # the first jobs meet cold caches

JOBS = """
    SELECT engine_s, latency_s, num_steps,
           extract(epoch FROM finished_at - min(started_at) OVER ())::float8 AS since_first_claim_s
    FROM job WHERE batch_id = '{batch_id}' AND state = 'succeeded' ORDER BY finished_at
"""


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--jobs", type=int, default=16)
    num_jobs = parser.parse_args().jobs
    with (
        tempfile.TemporaryDirectory() as folder,
        running_stack(
            Path(folder) / "data",
            pair="demo",
            port=0,
            slots=1,
            announce=lambda line: print(line, file=sys.stderr),
        ) as stack,
    ):
        run_batch(stack, WARM_UP_JOBS)
        batch_id = run_batch(stack, num_jobs)
        answer = read_only_query(stack.database, JOBS.format(batch_id=batch_id))
    rows = [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]
    assert len(rows) == num_jobs, f"{num_jobs - len(rows)} jobs did not succeed"
    print(json.dumps(figures(rows)))
    return 0


def run_batch(stack: Stack, num_jobs: int) -> str:
    """Submit the first `num_jobs` bundled problems, cyclically, and wait until every job has ended."""
    lines = [json.loads(line) for line in BUNDLED_PROBLEMS.read_text().splitlines()]
    problems = [{"problem": lines[i % len(lines)]["problem"]} for i in range(num_jobs)]
    with httpx2.Client(base_url=stack.api_url, timeout=30) as client:
        body = {"problems": problems, "config": CONFIG | {"scheme": "specreason"}}
        batch = client.post("/api/batches", json=body).raise_for_status().json()
        batch_id: str = batch["batch_id"]
        while batch["num_queued"] + batch["num_running"]:
            stack.check()
            time.sleep(0.5)  # rarely: asking costs CPU that the engines share
            batch = client.get(f"/api/batches/{batch_id}").raise_for_status().json()
    return batch_id


def figures(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The last line: shares and means over the measured jobs."""
    engine_s = sum(row["engine_s"] for row in rows)
    latency_s = sum(row["latency_s"] for row in rows)
    num_steps = sum(row["num_steps"] for row in rows)
    wall_s = max(row["since_first_claim_s"] for row in rows)
    return {
        "own_share": round(1 - engine_s / latency_s, 4),
        "idle_share": round(1 - latency_s / wall_s, 4),
        "jobs": len(rows),
        "steps": num_steps,
        "engine_s": round(engine_s, 3),
        "wall_s": round(wall_s, 3),
        "own_ms_per_step": round(1000 * (latency_s - engine_s) / num_steps, 3),
        "machine": platform.processor() or platform.machine(),
    }


if __name__ == "__main__":
    sys.exit(main())
