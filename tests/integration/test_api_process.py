"""The API as a process of its own: where it refuses to listen, and that it ends while streams are open."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping

import httpx2
import pytest

from specreason.embedded import Servers
from specreason.store.session import Database
from tests.integration.guarded_api import PROBLEMS

API = [sys.executable, "-P", "-m", "specreason.cli.main", "api"]
START_S = 60
END_S = 10


@pytest.fixture
def environment(servers: Servers, database_url: str) -> dict[str, str]:
    return {
        **os.environ,
        "SPECREASON_DATABASE_URL": database_url,
        "SPECREASON_BROKER_URL": servers.broker_url,
    }


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"SPECREASON_KEYS": "off"}, "SPECREASON_KEYS is off"),
        ({}, "specreason keys create"),
        ({"SPECREASON_ADMIN_KEY": "short"}, "SPECREASON_ADMIN_KEY"),
    ],
)
def test_without_keys_it_does_not_start_where_other_machines_reach_it(
    environment: dict[str, str], more: Mapping[str, str], says: str
) -> None:
    done = subprocess.run(
        [*API, "--host", "0.0.0.0", "--port", "0"],
        env={**environment, **more},
        capture_output=True,
        text=True,
        timeout=START_S,
        check=False,
    )
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_it_says_in_json_where_it_listens(environment: dict[str, str], database: Database) -> None:
    with subprocess.Popen(
        [*API, "--port", "0", "--json"], env=environment, stdout=subprocess.PIPE
    ) as process:
        try:
            assert process.stdout is not None
            url = json.loads(process.stdout.readline())["api_url"]
            with httpx2.Client(base_url=url, timeout=START_S, trust_env=False) as client:
                assert client.get("/api/health").json()["status"] == "ok"
        finally:
            process.terminate()


def test_it_ends_while_somebody_listens_to_events(environment: dict[str, str], database: Database) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        fd = listener.fileno()
        process = subprocess.Popen([*API, "--listen-fd", str(fd)], env=environment, pass_fds=[fd])
        try:
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            with httpx2.Client(base_url=url, timeout=START_S, trust_env=False) as client:
                batch_id = client.post("/api/batches", json={"problems": PROBLEMS}).json()["batch_id"]
                with client.stream("GET", f"/api/batches/{batch_id}/events") as answer:
                    lines = answer.iter_lines()
                    assert next(lines).startswith("id: ")
                    process.send_signal(signal.SIGTERM)
                    assert process.wait(END_S) == 128 + signal.SIGTERM
                    assert [line for line in lines if line.startswith("event: ")] == [
                        "event: batch_submitted"
                    ]
        finally:
            process.kill()
            process.wait()
