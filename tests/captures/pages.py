"""Pictures of the pages over a store of invented runs, as PNG of 1280 pixels; some in dark colours, one of a phone."""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from benchmarks.synthetic.store import fill
from specreason.embedded import start_servers
from specreason.store.migrate import migrate
from specreason.store.session import Database, connect
from tests.support.api.apps import make_api
from tests.support.api.live import serving
from tests.support.api.long_traces import eventful_job
from tests.support.browser.chromium import chromium
from tests.support.store.builders import claimed, start_worker
from tests.support.store.sql import execute, rows_of, scalar

STEPS, JOBS_PER_BATCH, NUM_RUNNING = 200_000, 200, 21
PATIENCE_MS = 300_000
BEFORE_A_REJECTION = ".step:has(+ .step.rejected)"
COLOURS = 256  # of a picture: pages have few, and a palette makes the file a third
FILE = "".join(
    json.dumps(
        {"question": f"Start with {n}. Add {n + 3}, then halve it. What is left?", "answer": str(n + 2)}
    )
    + "\n"
    for n in range(11, 251)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """A picture: the page, and what of it is brought to the top. `height` in pixels."""

    name: str
    path: str
    top: str | None = None
    height: int = 800
    width: int = 1280
    dark: bool = False


def draw_pages(images: Path) -> None:
    """Write page-*.png."""
    with stocked() as (site, shots), chromium() as browser:
        for shot in shots:
            context = browser.new_context(
                viewport={"width": shot.width, "height": shot.height},
                color_scheme="dark" if shot.dark else "light",
                locale="en-GB",
                timezone_id="UTC",
            )
            context.set_default_timeout(PATIENCE_MS)  # a report takes long to draw
            tab = context.new_page()
            tab.goto(site + shot.path)
            if shot.path == "/submit":
                choose_a_file(tab)
            if shot.top:
                tab.locator(shot.top).first.evaluate(
                    "(element) => element.scrollIntoView({ block: 'start' })"
                )
            tab.wait_for_load_state("networkidle")
            tab.wait_for_timeout(500)  # fonts of formulas are drawn
            write(images / f"page-{shot.name}.png", tab.screenshot())
            context.close()


@contextmanager
def stocked() -> Iterator[tuple[str, list[Shot]]]:
    """A site with something on every page, and what to draw of it."""
    with tempfile.TemporaryDirectory() as folder, start_servers(Path(folder) / "data") as servers:
        database = connect(servers.database_url)
        migrate(database)
        fill(database, STEPS, jobs_per_batch=JOBS_PER_BATCH)
        job_id = eventful_job(database)
        let_one_run(database)
        with serving(make_api(servers, database, files_dir=Path(folder) / "files")) as site:
            yield site, shots_of(database, str(job_id))
        database.dispose()


def let_one_run(database: Database) -> None:
    """The newest of the large batches has jobs left, some of which run on two live workers."""
    newest = scalar(database, "SELECT id FROM batch WHERE num_jobs > 100 ORDER BY id DESC LIMIT 1")
    workers = [
        start_worker(database, lease_s=3600, pair="synthetic", fingerprint="synthetic") for _ in range(2)
    ]
    execute(
        database,
        f"""UPDATE job SET state = 'queued', answer = NULL, stop_reason = NULL, finished_at = NULL, error = NULL,
                graded_at = NULL, latency_s = NULL, worker_id = NULL, fence = 0
            WHERE batch_id = '{newest}' AND id IN (
                SELECT id FROM job WHERE batch_id = '{newest}' ORDER BY id DESC LIMIT 70)""",
    )
    execute(
        database,
        f"""UPDATE job SET finished_at = now() - interval '1 s' * (70 - place) FROM (
                SELECT id, row_number() OVER (ORDER BY id) AS place FROM job
                WHERE batch_id = '{newest}' AND state = 'succeeded') AS ended
            WHERE job.id = ended.id AND place <= 60""",
    )
    queued = rows_of(
        database, f"SELECT id FROM job WHERE batch_id = '{newest}' AND state = 'queued' ORDER BY id"
    )
    for number, (job_id,) in enumerate(queued[:NUM_RUNNING]):
        claimed(database, job_id, workers[number % 3 % 2], fingerprint="synthetic")
    for number, worker in enumerate(workers):
        execute(
            database,
            f"""UPDATE worker SET host = 'node-{number + 1}', started_at = now() - interval '3 hours'
                WHERE id = '{worker}'""",
        )


def shots_of(database: Database, job_id: str) -> list[Shot]:
    batches = rows_of(
        database, "SELECT id::text, config->>'scheme' FROM batch WHERE pair = 'synthetic' ORDER BY id"
    )
    a, b = (
        next(batch_id for batch_id, scheme in batches if scheme == wanted)
        for wanted in ("base", "specreason")
    )
    ours, theirs = (
        scalar(
            database,
            f"SELECT id FROM job WHERE batch_id = '{batch}' AND state = 'succeeded' ORDER BY id LIMIT 1",
        )
        for batch in (a, b)
    )
    return [
        Shot(name="list", path="/"),
        Shot(name="list-dark", path="/", dark=True),
        Shot(name="batch", path=f"/batches/{b}?figures=1&against={a}"),
        Shot(name="batch-judge", path=f"/batches/{b}?figures=1", top="#judge"),
        Shot(name="job", path=f"/jobs/{job_id}"),
        Shot(name="job-steps", path=f"/jobs/{job_id}", top=BEFORE_A_REJECTION),
        Shot(name="job-steps-dark", path=f"/jobs/{job_id}", top=BEFORE_A_REJECTION, dark=True),
        Shot(name="job-phone", path=f"/jobs/{job_id}", top="#steps", width=375, height=700),
        Shot(name="step", path=f"/jobs/{job_id}/steps/3"),
        Shot(name="compare", path=f"/compare?a={a}&b={b}", top="h1"),
        Shot(name="traces", path=f"/compare/traces?a={ours}&b={theirs}"),
        Shot(name="workers", path="/workers", height=420),
        Shot(name="dead", path="/dead"),
        Shot(name="submit", path="/submit", height=1000),
        Shot(name="report", path=f"/reports?batch={a}&batch={b}", top="h2"),
        Shot(name="sign-in", path="/sign-in", height=400),
    ]


def choose_a_file(tab: Any) -> None:
    tab.locator("input[type=file]").set_input_files(
        {"name": "halves.jsonl", "mimeType": "application/jsonl", "buffer": FILE.encode()}
    )
    tab.get_by_text("240 problems").first.wait_for()


def write(path: Path, png: bytes) -> None:
    with Image.open(io.BytesIO(png)) as picture:
        reduced = picture.convert("RGB").quantize(
            COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE
        )
        reduced.save(path, optimize=True)
