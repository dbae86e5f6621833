"""Every SQL statement and every request that the pages show runs as it stands there.

`test_cookbook` runs those of the cookbook, and knows their answers.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import httpx2
import pytest

from specreason.embedded import Servers
from specreason.store.read.query import read_only_query
from specreason.store.session import Database
from tests.support.api.apps import make_api
from tests.support.api.live import serving

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```sql\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SOME_ID = "'00000000-0000-0000-0000-000000000000'"
STATEMENTS = [
    pytest.param(statement.strip(), id=f"{page.name}-{number}")
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
    if page.name != "sql-cookbook.md"
    for number, statement in enumerate(
        s for block in BLOCK.findall(page.read_text()) for s in block.split(";") if s.strip()
    )
]


@pytest.mark.parametrize("statement", STATEMENTS)
def test_a_query_of_the_pages_runs(database: Database, statement: str) -> None:
    """An id that the reader is to fill in stands there in capitals."""
    assert read_only_query(database, re.sub(r"'[A-Z_]+'", SOME_ID, statement)).columns


def test_the_requests_of_the_page_on_the_api_are_answered(
    servers: Servers, database: Database, tmp_path: Path
) -> None:
    """Its batches have ended already, so that the streams of their events end."""
    (tmp_path / "problems.jsonl").write_text('{"question": "1 + 1?", "solution": "2", "level": "easy"}\n')
    blocks = re.findall(
        r"^```bash\n(.*?)^```$", (ROOT / "docs" / "api.md").read_text(), re.MULTILINE | re.DOTALL
    )
    app = make_api(servers, database, files_dir=tmp_path)
    with serving(app) as url, httpx2.Client(base_url=url) as client:
        ids: dict[str, str] = {}
        for batch, job in (("BATCH", "JOB"), ("OTHER", "OTHER_JOB")):
            problems = {"name": batch, "problems": [{"problem": "1?"}, {"problem": "2?"}]}
            ids[batch] = client.post("/api/batches", json=problems).json()["batch_id"]
            client.post(f"/api/batches/{ids[batch]}/cancel")
            ids[job] = client.get(f"/api/batches/{ids[batch]}/jobs").json()["data"][0]["job_id"]
        stop_at_errors = (
            'set -eu; curl() { command curl --silent --show-error --fail-with-body "$@"; echo; }\n'
        )
        done = subprocess.run(
            ["bash", "-c", stop_at_errors + "\n".join(blocks)],
            env={**os.environ, "API": url, **ids},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 0, done.stdout[-500:] + done.stderr
    assert done.stdout.count('"grid_id"') == 5  # of the grid and of its four batches
    assert done.stdout.count("event: end") == 2
    assert len((tmp_path / "results.jsonl").read_text().splitlines()) == 2
    assert read_only_query(database, "SELECT sum(num_jobs)::int FROM batch").rows == ((2 + 2 + 4 + 1 + 4,),)
