"""What `benchmarks.analysis` measures in one store: queries, pages, bytes, the export."""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from uuid import UUID

import httpx2
from pyarrow import parquet
from sqlalchemy import text

from benchmarks.submit import TIMEOUT_S, Api, peak_rss_mb
from specreason.store.read.query import read_only_query
from specreason.store.session import Database

COOKBOOK = Path(__file__).parents[1] / "docs" / "sql-cookbook.md"
BLOCK = re.compile(r"^```sql\n(.*?)^```$", re.MULTILINE | re.DOTALL)
QUESTION = re.compile(r"^\*\*(.+?)\*\*", re.MULTILINE)
PLACEHOLDER = re.compile(r"'([A-Z_]+)'")
QUERY_RUNS, PAGE_RUNS = 3, 7
TOO_SLOW_TO_REPEAT_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The rows that are asked for: a base-only batch, one with drafts on the same problems, and a job of that."""

    base: UUID
    drafted: UUID
    job: UUID

    def filled(self, statement: str) -> str:
        """The statement with an id for each placeholder. Raises KeyError for a new one."""
        ids = {"BATCH": self.drafted, "JOB": self.job, "BASE": self.base, "SPECREASON": self.drafted}
        return PLACEHOLDER.sub(lambda found: f"'{ids[found[1]]}'", statement)


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """Rows and bytes of all tables, by name, and the largest memory of the command and of the API, MiB."""

    rows: Mapping[str, int]
    num_bytes: Mapping[str, int]
    took_s: float
    command_rss_mb: float
    api_rss_mb: float

    @property
    def rows_per_s(self) -> float:
        return sum(self.rows.values()) / self.took_s


def subject(database: Database) -> Subject:
    with database.connect() as connection:
        base, drafted = connection.scalars(text("SELECT id FROM batch ORDER BY id LIMIT 2")).all()
        of_batch = text("SELECT id FROM job WHERE batch_id = :batch ORDER BY id OFFSET 3 LIMIT 1")
        job = connection.scalar(of_batch, {"batch": drafted})
    return Subject(base=base, drafted=drafted, job=job)


def statements() -> Iterator[tuple[str, str]]:
    """The statements of the cookbook, each with the question before it; several to one question are numbered."""
    page = COOKBOOK.read_text()
    number: dict[str, int] = {}
    for block in BLOCK.finditer(page):
        question = QUESTION.findall(page[: block.start()])[-1]
        for statement in block[1].split(";"):
            if statement.strip():
                number[question] = number.get(question, 0) + 1
                yield question if number[question] == 1 else f"{question} ({number[question]})", statement


def query_seconds(database: Database, asked: Subject) -> dict[str, float]:
    """Each query of the cookbook, all its rows fetched."""
    return {
        question: said(
            question, median_s(partial(read_only_query, database, asked.filled(statement)), QUERY_RUNS)
        )
        for question, statement in statements()
    }


def page_seconds(api: Api, asked: Subject) -> dict[str, float]:
    """Each page through HTTP, from the request to the last byte."""
    paths = {
        "batch summary": [f"/api/batches/{asked.drafted}"],
        "list of batches": ["/api/batches"],
        "list of jobs": [f"/api/batches/{asked.drafted}/jobs"],
        "job page": [f"/api/jobs/{asked.job}", f"/api/jobs/{asked.job}/steps"],
        "compare": [f"/api/compare?a={asked.base}&b={asked.drafted}"],
        "cost": [f"/api/batches/{asked.drafted}/cost"],
    }
    with httpx2.Client(base_url=api.url, timeout=TIMEOUT_S) as client:

        def get(page: list[str]) -> None:
            for path in page:
                client.get(path).raise_for_status()

        return {name: said(name, median_s(partial(get, page), PAGE_RUNS)) for name, page in paths.items()}


def analysis_seconds(api: Api, asked: Subject) -> dict[str, float]:
    """What is computed from every step of a batch. No text has the word that the whole batch is searched for."""
    batch = f"/api/batches/{asked.drafted}"
    with httpx2.Client(base_url=api.url, timeout=TIMEOUT_S) as client:

        def get(path: str, **params: str) -> str | None:
            answer = client.get(f"{batch}/{path}", params=params)
            answer.raise_for_status()
            following: str | None = answer.json().get("next")
            return following

        def search_all() -> None:
            after = get("search", q="absent")
            while after is not None:
                after = get("search", q="absent", after=after)

        asks = {
            "judge": partial(get, "judge"),
            "search, the first 50 steps": partial(get, "search", q="coprime"),
            "search, the whole batch": search_all,
        }
        return {name: said(name, median_s(ask, QUERY_RUNS)) for name, ask in asks.items()}


def said(name: str, took_s: float) -> float:
    """The figure, which stands on the screen even if a later one fails."""
    print(f"{took_s:10.4f} s  {name}", flush=True)
    return took_s


def median_s(run: Callable[[], object], runs: int) -> float:
    """Of `runs` runs after one that warms caches up. What takes long is not run more than twice."""
    took: list[float] = []
    for _ in range(runs + 1):
        started = time.perf_counter()
        run()
        took.append(time.perf_counter() - started)
        if sum(took) > 2 * TOO_SLOW_TO_REPEAT_S and len(took) > 1:
            break
    return statistics.median(took[1:])


def disk_bytes(database: Database) -> dict[str, dict[str, int]]:
    """Of each table larger than a few pages: bytes of its rows, of the texts kept apart, and of its indexes."""
    sizes = text("""
        SELECT relname, pg_relation_size(oid) AS rows, pg_indexes_size(oid) AS indexes,
            coalesce(pg_total_relation_size(nullif(reltoastrelid, 0)), 0) AS toast
        FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND pg_total_relation_size(oid) > 100000
        ORDER BY pg_total_relation_size(oid) DESC
    """)
    with database.connect() as connection:
        return {
            row.relname: {"rows": row.rows, "indexes": row.indexes, "toast": row.toast}
            for row in connection.execute(sizes)
        }


def export(api: Api, batch_ids: list[UUID], folder: Path) -> Export:
    """`specreason export` of all the batches into `folder`, as Parquet."""
    Path(f"/proc/{api.pid}/clear_refs").write_text("5")  # the peak counts from here
    command = [sys.executable, "-m", "specreason.cli.main", "export", *map(str, batch_ids)]
    environment = os.environ | {"SPECREASON_API_URL": api.url}
    started = time.monotonic()
    process = subprocess.Popen(
        [*command, "--format", "parquet", "--output", str(folder)],
        env=environment,
        stdout=subprocess.DEVNULL,
    )
    # Not what `wait4` says: that begins with the memory of this process, from which the command was forked.
    command_rss_mb = 0.0
    while process.poll() is None:
        with suppress(FileNotFoundError, ValueError):  # it ends meanwhile
            command_rss_mb = peak_rss_mb(process.pid)
        time.sleep(0.1)
    took_s = time.monotonic() - started
    if process.returncode != 0:
        raise RuntimeError(f"the export ended with status {process.returncode}")
    rows: dict[str, int] = {}
    num_bytes: dict[str, int] = {}
    for file in folder.rglob("*.parquet"):
        table = file.stem.split("-")[0]
        rows[table] = rows.get(table, 0) + parquet.read_metadata(file).num_rows
        num_bytes[table] = num_bytes.get(table, 0) + file.stat().st_size
    return Export(
        rows=rows,
        num_bytes=num_bytes,
        took_s=took_s,
        command_rss_mb=command_rss_mb,
        api_rss_mb=peak_rss_mb(api.pid),
    )
