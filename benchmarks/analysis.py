"""How fast a store of many steps answers, and how that grows: `python -m benchmarks.analysis --steps 10000000`.

Conditions: an embedded Postgres with the product's settings, and the API in a process of its own, as `specreason api`
runs it. The store is synthetic (`benchmarks.synthetic`): batches of 5,000 jobs, 100 steps of some 20 tokens to a job,
with a base alone and at several thresholds, 1 to 16 repeats, grades, attempts and events. It is measured at a tenth of
the steps and at all of them.

*Build*: from the empty database until every row, index and statistic is there and on the disk; while it is built,
Postgres does not wait for the disk. What stands at the end has the product's schema, which is checked. *Queries*:
those of docs/sql-cookbook.md, all rows fetched. *Pages*: HTTP requests, to the last byte. *Analyses*: likewise, of
what reads every step of a batch. These three are medians of up to 3, 7 and 3 runs after one that warms up; what takes
longer than some ten seconds runs only once more. *Export*: `specreason export` of every batch as Parquet, once; the
rows are those of all tables, the peak is the larger of the command's and the API's. The texts are put together from
8,000 parts, and so take less room in Parquet than real ones.

With `--folder` the stores stay there, and the next run measures them without building them.
The last line of stdout is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from uuid import UUID

from sqlalchemy import make_url, text

from benchmarks.analysis_figures import (
    analysis_seconds,
    disk_bytes,
    export,
    page_seconds,
    query_seconds,
    subject,
)
from benchmarks.analysis_growth import Measured, growth
from benchmarks.own_servers import conditions, vacuum
from benchmarks.submit import running_api
from benchmarks.synthetic.store import fill
from specreason.embedded import Servers, start_servers
from specreason.store.migrate import migrate
from specreason.store.session import Database, connect
from tests.support.store.schema import described

LARGE = ("step", "step_payload")
OTHERS = ("batch", "problem", "job", "attempt", "grade", "event")
# No figure is taken meanwhile, and a store that is not whole is built anew.
WHILE_BUILDING = {"fsync": "off", "full_page_writes": "off", "autovacuum": "off", "max_wal_size": "'4GB'"}


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=10_000_000)
    parser.add_argument("--folder", type=Path, help="where the stores stay; default: they are deleted")
    arguments = parser.parse_args()
    steps: int = arguments.steps
    with ExitStack() as stack:
        folder = arguments.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        servers = stack.enter_context(start_servers(folder / "data"))
        smaller, larger = (measure(servers, number, folder) for number in (steps // 10, steps))
    for line in growth(smaller, larger):
        print(line)
    result = {
        "steps": larger.steps,
        "build_s": round(larger.build_s),
        "slowest_query_s": round(max(larger.queries.values()), 2),
        "slowest_analysis_s": round(max(larger.analyses.values()), 2),
        "slowest_page_ms": round(1000 * max(larger.pages.values())),
        "bytes_per_step": round(larger.bytes_per_step),
        "export_rows_per_s": round(larger.export.rows_per_s),
        "export_peak_rss_mb": round(max(larger.export.command_rss_mb, larger.export.api_rss_mb)),
        "too_slow": larger.too_slow,
    }
    print(json.dumps(result))
    return 0


def measure(servers: Servers, steps: int, folder: Path) -> Measured:
    """Build the store unless it is there, and take every figure."""
    build_s = build(servers, steps)
    of_store = replace(servers, database_url=url_of(servers, name_of(steps)))
    database = connect(of_store.database_url, pool_size=1)
    print(f"{steps} steps; " + ", ".join(f"{name} {value}" for name, value in conditions(database).items()))
    asked = subject(database)
    with tempfile.TemporaryDirectory(dir=folder) as room, running_api(of_store, Path(room)) as api:
        queries = query_seconds(database, asked)
        pages = page_seconds(api, asked)
        analyses = analysis_seconds(api, asked)
        with database.connect() as connection:
            batch_ids: list[UUID] = list(connection.scalars(text("SELECT id FROM batch ORDER BY id")))
        exported = export(api, batch_ids, Path(room) / "export")
        disk = disk_bytes(database)
    database.dispose()
    return Measured(
        steps=steps,
        build_s=build_s,
        queries=queries,
        pages=pages,
        analyses=analyses,
        disk=disk,
        export=exported,
    )


def build(servers: Servers, steps: int) -> float:
    """The seconds that it took, now or when the store was built."""
    administration = connect(servers.database_url, pool_size=2).execution_options(
        isolation_level="AUTOCOMMIT"
    )
    with administration.connect() as connection:
        built = text("SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = :name")
        if build_s := connection.scalar(built, {"name": name_of(steps)}):
            return float(build_s)
        for name in (name_of(steps), "unfinished"):
            connection.execute(text(f"DROP DATABASE IF EXISTS {name}"))
        started = time.monotonic()
        connection.execute(text("CREATE DATABASE unfinished"))
        with not_waiting_for_the_disk(administration):
            write(url_of(servers, "unfinished"), steps)
            connection.execute(text("CHECKPOINT"))
        build_s = time.monotonic() - started
        connection.execute(text(f"ALTER DATABASE unfinished RENAME TO {name_of(steps)}"))
        connection.execute(text(f"COMMENT ON DATABASE {name_of(steps)} IS '{build_s:.1f}'"))
    administration.dispose()
    return build_s


def write(url: str, steps: int) -> None:
    database = connect(url, pool_size=4)
    migrate(database)
    schema = described(url)
    began = time.monotonic()
    fill(database, steps, say=lambda line: print(f"{time.monotonic() - began:6.1f} s  {line}", flush=True))
    assert described(url) == schema, "the schema is no longer the product's"
    with ThreadPoolExecutor(len(LARGE)) as pool:
        for done in [*(pool.submit(vacuum, database, table) for table in LARGE)]:
            done.result()
    vacuum(database, *OTHERS)
    print(f"{time.monotonic() - began:6.1f} s  vacuumed", flush=True)
    database.dispose()


@contextmanager
def not_waiting_for_the_disk(administration: Database) -> Iterator[None]:
    def tell(statements: list[str]) -> None:
        with administration.connect() as connection:
            for statement in (*statements, "SELECT pg_reload_conf()"):
                connection.execute(text(statement))

    tell([f"ALTER SYSTEM SET {name} = {value}" for name, value in WHILE_BUILDING.items()])
    try:
        yield
    finally:
        tell([f"ALTER SYSTEM RESET {name}" for name in WHILE_BUILDING])


def name_of(steps: int) -> str:
    return f"steps_{steps}"


def url_of(servers: Servers, database: str) -> str:
    return make_url(servers.database_url).set(database=database).render_as_string(hide_password=False)


if __name__ == "__main__":
    sys.exit(main())
