"""The worker as a process: the lines that it logs, and its reasons to give up."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from specreason.embedded import Servers
from specreason.store.session import Database

PAIR = """
[broken]
base = { model = "/nowhere/base", max_model_len = 2048, kv_cache_memory_bytes = 16777216 }
drafter = { model = "/nowhere/drafter", max_model_len = 2048, kv_cache_memory_bytes = 16777216 }
"""


def test_a_worker_that_gives_up_has_said_in_json_who_it_was_and_says_why(
    servers: Servers, database: Database, database_url: str, tmp_path: Path
) -> None:
    pairs_file = tmp_path / "pairs.toml"
    pairs_file.write_text(PAIR)
    done = subprocess.run(
        [sys.executable, "-P", "-m", "specreason.cli.main", "worker", "--pair", "broken", "--json"],
        env={
            **os.environ,
            "SPECREASON_DATABASE_URL": database_url,
            "SPECREASON_BROKER_URL": servers.broker_url,
            "SPECREASON_PAIRS_FILE": str(pairs_file),
        },
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    started, ended = map(json.loads, done.stdout.splitlines())
    assert started["pair"] == "broken"
    assert (done.returncode, ended["error"]["exit_status"]) == (2, 2)
    assert "'broken'" in ended["error"]["message"]
    assert "Traceback" not in done.stderr
