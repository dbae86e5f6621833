"""How long the pages take, in what memory, and what viewers cost those who submit: `python -m benchmarks.pages`.

Conditions: an embedded Postgres with fsync on and an embedded Valkey, both its own; the API in a process of its own,
as `specreason api` runs it, without keys; no worker and no model. Clients share these cores.

*First page*: the page of a job of 2,000 steps, of a batch of 50,000 jobs, and the list of both: the median of
`--looks` requests, each from the first byte sent to the last one received, and the size of the HTML as it is sent.
*Scrolling*: every page of the job's steps and of the batch's jobs, one after the other, by their own links to the next
one; the largest memory of the API meanwhile, above what it had before. *Viewers*: each looks at the job, the
batch and the list, and then asks for one part of them once in `--pause` seconds, as their scripts do while something
runs: the head of the batch, the list, the next steps. *Submitting*: the same file as a form to /api/batches, without
viewers and with them; lines of 1,100 bytes.

The last line of stdout is one JSON object.
"""

from __future__ import annotations

import argparse
import asyncio
import html
import json
import random
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain, cycle
from pathlib import Path
from threading import Event, Thread
from uuid import UUID

import aiohttp
import httpx2

from benchmarks.own_servers import conditions, own_servers
from benchmarks.submit import TIMEOUT_S, Api, end_jobs, peak_rss_mb, running_api, submit_native, write_files
from specreason.store.queue.rollups import REBUILD
from specreason.store.session import Database, connect, transaction
from tests.support.api.long_traces import long_job

NEXT_JOBS = re.compile(r'<a rel="next" href="([^"]+)">Next jobs</a>')
NEXT_STEPS = re.compile(r'<a rel="next" href="([^"#]+)')


@dataclass(slots=True)
class Seen:
    """Seconds of each request of the viewers, and what went wrong."""

    seconds: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """What the viewers look at."""

    batch_id: UUID
    job_id: UUID

    @property
    def first(self) -> dict[str, str]:
        return {"job": f"/jobs/{self.job_id}", "batch": f"/batches/{self.batch_id}", "list": "/"}

    @property
    def again(self) -> tuple[str, ...]:
        return (f"/batches/{self.batch_id}/head", "/", f"/jobs/{self.job_id}/steps?after=99")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=2_000)
    parser.add_argument("--jobs", type=int, default=50_000)
    parser.add_argument("--viewers", type=int, default=50)
    parser.add_argument("--looks", type=int, default=11)
    parser.add_argument("--pause", type=float, default=3.0, help="seconds between two requests of a viewer")
    asked = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        own_servers() as servers,
        running_api(servers, Path(folder)) as api,
        httpx2.Client(base_url=api.url, timeout=TIMEOUT_S) as client,
    ):
        database = connect(servers.database_url, pool_size=2)
        facts = conditions(database)
        print(", ".join(f"{name} {value}" for name, value in facts.items()))
        problems = Path(folder) / "problems.jsonl"
        write_files(problems, Path(folder) / "requests.jsonl", asked.jobs)
        batch_id, alone_s = submit_native(api, problems)
        print(f"submitted without viewers: {asked.jobs / alone_s:.0f} lines/s")
        end(database, batch_id)
        places = Places(batch_id=batch_id, job_id=long_job(database, asked.steps))
        result: dict[str, object] = {"steps": asked.steps, "jobs": asked.jobs}
        for name, path in places.first.items():
            took_ms, size = first_page(client, path, asked.looks)
            print(f"first page of the {name}: {took_ms:.0f} ms, {size / 1000:.0f} KB")
            result |= {f"{name}_ms": round(took_ms), f"{name}_kb": round(size / 1000)}
        for name, path, more in (
            ("job", places.first["job"], NEXT_STEPS),
            ("batch", places.first["batch"], NEXT_JOBS),
        ):
            num_pages, grown_mb, took_s = scroll(client, api, path, more)
            print(f"all {num_pages} pages of the {name}: {took_s:.0f} s, {grown_mb:.0f} MiB more")
            result |= {f"{name}_pages": num_pages, f"{name}_scroll_mb": round(grown_mb)}
        with watching(api.url, places, asked.viewers, asked.pause) as seen:
            time.sleep(2 * asked.pause)
            _, beside_s = submit_native(api, problems)
        database.dispose()
        print(f"submitted with {asked.viewers} viewers: {asked.jobs / beside_s:.0f} lines/s")
        print(f"{len(seen.seconds)} requests of viewers, {len(seen.errors)} refused: {seen.errors[:3]}")
        result |= {
            "viewers": asked.viewers,
            "viewer_requests": len(seen.seconds),
            "viewer_errors": len(seen.errors),
            "viewer_p50_ms": round(1000 * statistics.median(seen.seconds)),
            "viewer_p99_ms": round(1000 * statistics.quantiles(seen.seconds, n=100)[-1]),
            "lines_per_s": round(asked.jobs / alone_s),
            "lines_per_s_with_viewers": round(asked.jobs / beside_s),
            "peak_rss_mb": round(api.peak_rss_mb),
            **facts,
        }
    print(json.dumps(result))
    return 0


def end(database: Database, batch_id: UUID) -> None:
    """As if workers had run all jobs: with their steps, and with the sums over them."""
    end_jobs(database)
    with transaction(database) as connection:
        connection.execute(REBUILD, {"batch_ids": [batch_id]})


def first_page(client: httpx2.Client, path: str, looks: int) -> tuple[float, int]:
    """Milliseconds and bytes. The first look, for which templates are compiled, is not counted."""
    seconds, size = [], 0
    for _ in range(looks + 1):
        started = time.monotonic()
        answer = client.get(path).raise_for_status()
        seconds.append(time.monotonic() - started)
        size = len(answer.content)
    return 1000 * statistics.median(seconds[1:]), size


def scroll(client: httpx2.Client, api: Api, path: str, more: re.Pattern[str]) -> tuple[int, float, float]:
    """How many pages there are, MiB that the API's memory grew by in between, and seconds."""
    Path(f"/proc/{api.pid}/clear_refs").write_text("5")  # the peak begins anew: proc(5)
    before, started, num_pages = peak_rss_mb(api.pid), time.monotonic(), 0
    while True:
        num_pages += 1
        found = more.search(client.get(path).raise_for_status().text)
        if found is None:
            return num_pages, peak_rss_mb(api.pid) - before, time.monotonic() - started
        path = html.unescape(found[1])


@contextmanager
def watching(url: str, places: Places, number: int, pause_s: float) -> Iterator[Seen]:
    """So many viewers until the end of the block, in a thread of their own."""
    seen, is_over = Seen(), Event()

    async def view_all() -> None:
        timeout, connector = aiohttp.ClientTimeout(total=TIMEOUT_S), aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(url, timeout=timeout, connector=connector) as session:
            await asyncio.gather(*(view(session, places, pause_s, seen, is_over) for _ in range(number)))

    thread = Thread(target=lambda: asyncio.run(view_all()))
    thread.start()
    try:
        yield seen
    finally:
        is_over.set()
        thread.join()


async def view(
    session: aiohttp.ClientSession, places: Places, pause_s: float, seen: Seen, is_over: Event
) -> None:
    """One viewer: begins at a random moment of the first pause, and asks once a pause."""
    pages = ((path, {}) for path in places.first.values())
    parts = ((path, {"HX-Request": "true"}) for path in cycle(places.again))
    await asyncio.sleep(random.uniform(0, pause_s))
    for path, headers in chain(pages, parts):
        if is_over.is_set():
            return
        started = time.monotonic()
        try:
            async with session.get(path, headers=headers) as answer:
                await answer.read()
                if answer.status != 200:
                    seen.errors.append(f"{answer.status} of {path}")
        except (aiohttp.ClientError, TimeoutError) as error:
            seen.errors.append(f"{path}: {error}")
        seen.seconds.append(time.monotonic() - started)
        await asyncio.sleep(pause_s)


if __name__ == "__main__":
    sys.exit(main())
