"""How long a status read takes while many clients submit and poll: `python -m benchmarks.api_load`.

Conditions: an embedded Postgres with fsync on and an embedded Valkey, both its own; the API in a process of its own,
keys on, over HTTP; no model and no worker, but a worker's row, so that jobs are announced. All clients are in one other
process and share these cores, so they use the lightest client at hand. Each has a key of its own and submits a batch of
three problems; then it reads that batch's status once a pause, and after some reads submits the next one. A read's time
is the client's wall time, its own waits for a turn included. Clients begin at random moments of the first `--spread`
seconds: 0 lets all submit at once.

The last line of stdout is one JSON object.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import signal
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import aiohttp
import httpx2

from benchmarks.own_servers import conditions, own_servers
from specreason.children import spawn_module, stop
from specreason.embedded import Servers
from specreason.store.access.keys import NewKey, create_key
from specreason.store.queue.workers import NewWorker, register_worker
from specreason.store.session import Database, connect

PAIR = "demo"
READS_PER_BATCH = 10
START_S = 60
TARGET_P99_MS = 250
TARGET_RATIO = 5


@dataclass(slots=True)
class Measured:
    """Seconds of each call, and what went wrong."""

    reads_s: list[float] = field(default_factory=list)
    submits_s: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clients", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--pause", type=float, default=1.0, help="seconds between two reads of one client")
    parser.add_argument("--spread", type=float, default=10, help="seconds in which the clients begin")
    arguments = parser.parse_args()
    with own_servers() as servers:
        database = connect(servers.database_url)
        facts = conditions(database)
        print(", ".join(f"{name} {value}" for name, value in facts.items()))
        new = NewWorker(pair=PAIR, pair_fingerprint="bench", host="here", pid=1, slots=16)
        register_worker(database, new, lease_s=86_400)
        keys = make_keys(database, arguments.clients)
        with running_api(servers) as url:
            measured = asyncio.run(load(url, keys, arguments))
        database.dispose()
    result = {
        "clients": arguments.clients,
        "seconds": arguments.seconds,
        "pause_s": arguments.pause,
        "spread_s": arguments.spread,
        "errors": len(measured.errors),
        **{f"read_{name}": value for name, value in summary(measured.reads_s).items()},
        **{f"submit_{name}": value for name, value in summary(measured.submits_s).items()},
        **facts,
    }
    result["read_p99_over_p50"] = round(result["read_p99_ms"] / result["read_p50_ms"], 2)
    for error in measured.errors[:5]:
        print(error)
    print(f"targets: no error; p99 of reads at most {TARGET_P99_MS} ms and {TARGET_RATIO} times their p50")
    print(json.dumps(result))
    return 0


def make_keys(database: Database, number: int) -> list[str]:
    return [create_key(database, NewKey(name="bench", owner=f"client {n}")).secret for n in range(number)]


@contextmanager
def running_api(servers: Servers) -> Iterator[str]:
    """The API as `specreason api` serves it; its URL."""
    environment = {
        "SPECREASON_DATABASE_URL": servers.database_url,
        "SPECREASON_BROKER_URL": servers.broker_url,
        "SPECREASON_KEYS": "on",
    }
    with socket.create_server(("127.0.0.1", 0), backlog=256) as listener, tempfile.TemporaryFile() as log:
        fd = listener.fileno()
        process = spawn_module(
            "specreason.cli.main",
            "api",
            "--listen-fd",
            str(fd),
            death_signal=signal.SIGTERM,
            environment=environment,
            pass_fds=(fd,),
            output=log,
        )
        try:
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            httpx2.get(f"{url}/api/health", timeout=START_S, trust_env=False).raise_for_status()
            yield url
        finally:
            stop(process, grace_s=10)


async def load(url: str, keys: Sequence[str], arguments: argparse.Namespace) -> Measured:
    measured, draw = Measured(), random.Random(1)
    until = time.monotonic() + arguments.seconds
    async with asyncio.TaskGroup() as group:
        for key in keys:
            first_s = draw.uniform(0, arguments.spread)
            group.create_task(
                run_client(url, key, measured, until=until, pause_s=arguments.pause, first_s=first_s)
            )
    return measured


async def run_client(
    url: str, key: str, measured: Measured, *, until: float, pause_s: float, first_s: float
) -> None:
    headers = {"Authorization": f"Bearer {key}"}
    draw = random.Random(first_s)
    await asyncio.sleep(first_s)
    async with aiohttp.ClientSession(url, headers=headers) as client:
        while time.monotonic() < until:
            body = {
                "name": "load",
                "pair": PAIR,
                "problems": [{"problem": f"What is {n} + 2?"} for n in range(3)],
            }
            answer = await timed(
                client, "POST", "/api/batches", took_s=measured.submits_s, errors=measured.errors, body=body
            )
            if answer is None:
                await asyncio.sleep(pause_s)
                continue
            path = f"/api/batches/{answer['batch_id']}"
            for _ in range(READS_PER_BATCH):
                await asyncio.sleep(pause_s * draw.uniform(0.5, 1.5))
                if time.monotonic() >= until:
                    return
                status = await timed(client, "GET", path, took_s=measured.reads_s, errors=measured.errors)
                if status is not None and status["num_jobs"] != 3:
                    measured.errors.append(f"a batch of 3 jobs has {status['num_jobs']}")


async def timed(
    client: aiohttp.ClientSession,
    method: str,
    path: str,
    *,
    took_s: list[float],
    errors: list[str],
    body: dict[str, object] | None = None,
) -> dict[str, object] | None:
    """The answer; None, and a note in `errors`, where there was none or one that says no."""
    started = time.perf_counter()
    try:
        async with client.request(method, path, json=body) as answer:
            said = await answer.text()
    except (aiohttp.ClientError, TimeoutError) as error:
        errors.append(f"{method} {path}: {error!r}")
        return None
    took_s.append(time.perf_counter() - started)
    if not answer.ok:
        errors.append(f"{method} {path}: {answer.status} {said[:200]}")
        return None
    found: dict[str, object] = json.loads(said)
    return found


def summary(took_s: Sequence[float]) -> dict[str, float]:
    percentiles = statistics.quantiles(took_s, n=100, method="inclusive")
    return {
        "count": len(took_s),
        "p50_ms": round(1000 * percentiles[49], 2),
        "p99_ms": round(1000 * percentiles[98], 2),
        "max_ms": round(1000 * max(took_s), 2),
    }


if __name__ == "__main__":
    sys.exit(main())
