"""How long a comparison of two batches takes in the API: `python -m benchmarks.compare`.

Conditions: an embedded Postgres of its own, two batches of 5,000 ended and graded jobs each, 5,000 problems in one
repeat or 312 in 16, with the sums that jobs have once they ended; no steps, which a comparison does not read. The API
runs in this process; the first request of each kind is not counted, because it imports the statistics.

The last line of stdout is one JSON object: median and largest milliseconds of each kind.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from uuid import UUID

from fastapi.testclient import TestClient
from sqlalchemy import text
from uuid_utils.compat import uuid7

from api.app import create_app
from benchmarks.own_servers import conditions, own_servers, vacuum
from specreason.config import RunConfig, SchemeName
from specreason.doorbell import Doorbell
from specreason.pairs import load_pairs
from specreason.settings import Settings
from specreason.store.queue.batches import NewBatch, write_batches
from specreason.store.queue.problems import NewProblem, check
from specreason.store.session import Database, connect, transaction

SHAPES = ((5_000, 1), (312, 16))
REQUESTS = 15
TARGET_MS = 200
TEXT = "A train leaves at eight and travels at an even speed. When does it arrive after so many miles? " * 4
# Hard problems are long and wrong in both batches; the drafter makes a batch faster.
END = """
    UPDATE job SET
        state = 'succeeded', stop_reason = 'answered', finished_at = now(), graded_at = now(),
        answer = CASE WHEN random() < :share - 0.3 * hardness THEN '4' ELSE (random() * 9)::int::text END,
        num_steps = 40, num_thinking = 39, num_drafted = :drafted, num_accepted = :drafted * 0.7,
        num_by_drafter = :drafted * 0.7, drafter_tokens = 900 * (:drafted > 0)::int,
        think_tokens = 1500 * (1 + hardness), answer_tokens = 100, spent_tokens = 2400 * (1 + hardness),
        inserted_tokens = 0, engine_s = 9, latency_s = :latency_s * (1 + hardness) * (0.7 + 0.6 * random()),
        mean_concurrency = 16, drafter_device_s = 0.2, base_device_s = 1 + hardness, drafter_prefill_s = 0.01,
        base_prefill_s = 0.1
    FROM (SELECT id AS hard_id, (index * 7919 % 1000) / 1000.0 AS hardness FROM problem) AS hard
    WHERE job.problem_id = hard_id AND batch_id = :batch_id
"""
GRADE = """
    INSERT INTO grade (id, job_id, grader, answer, is_correct, gold)
    SELECT gen_random_uuid(), id, 'layers 1', answer, answer = '4', '4' FROM job WHERE batch_id = :batch_id
"""


def main() -> int:
    figures: dict[str, dict[str, float]] = {}
    with own_servers() as servers, tempfile.TemporaryDirectory() as folder:
        database = connect(servers.database_url)
        settings = Settings(
            database_url=servers.database_url, broker_url=servers.broker_url, files_dir=Path(folder)
        )
        app = create_app(database, Doorbell(servers.broker_url), load_pairs(), settings)
        with TestClient(app, base_url="http://127.0.0.1") as client:
            for num_problems, repeats in SHAPES:
                a, b = (
                    ended_batch(database, num_problems, repeats, scheme)
                    for scheme in (SchemeName.BASE, SchemeName.SPECREASON)
                )
                vacuum(database, "batch", "problem", "job", "grade")
                name = f"{num_problems} problems x {repeats}"
                figures[name] = measured(client, "", a, b)
                figures[f"{name}, a page of 100"] = measured(client, "/problems", a, b)
        facts = conditions(database)
        database.dispose()
    for name, figure in figures.items():
        print(
            f"{name}: median {figure['median_ms']:.0f} ms, largest {figure['max_ms']:.0f} ms (target {TARGET_MS})"
        )
    print(json.dumps({"compare": figures, **facts}))
    return 0 if all(figure["median_ms"] <= TARGET_MS for figure in figures.values()) else 1


def ended_batch(database: Database, num_problems: int, repeats: int, scheme: SchemeName) -> UUID:
    problems = [
        NewProblem(text=f"{TEXT}{index}", answer="4", problem_id=f"train-{index}")
        for index in range(num_problems)
    ]
    config = RunConfig(scheme=scheme, repeats=repeats)
    new = NewBatch(name=f"{scheme} {uuid7()}", pair="demo", config=config, problems=check(problems))
    drafts = scheme.drafts_steps
    values = {
        "share": 0.75 if drafts else 0.72,
        "drafted": 38 if drafts else 0,
        "latency_s": 6 if drafts else 9,
    }
    with transaction(database) as connection:
        (batch_id,) = write_batches(connection, [new])
        connection.execute(text(END), {"batch_id": batch_id, **values})
        connection.execute(text(GRADE), {"batch_id": batch_id})
    return batch_id


def measured(client: TestClient, path: str, a: UUID, b: UUID) -> dict[str, float]:
    taken_ms = []
    for _ in range(REQUESTS + 1):
        started = time.perf_counter()
        answer = client.get(f"/api/compare{path}", params={"a": str(a), "b": str(b)})
        taken_ms.append(1000 * (time.perf_counter() - started))
        assert answer.status_code == 200, answer.text
    return {
        "median_ms": round(statistics.median(taken_ms[1:]), 1),
        "max_ms": round(max(taken_ms[1:]), 1),
    }


if __name__ == "__main__":
    sys.exit(main())
