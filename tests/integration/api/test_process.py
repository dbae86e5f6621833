"""The API as a process of its own: where it refuses to listen, what it needs, how it ends, and what a kill leaves."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from specreason.embedded import Servers
from specreason.store.files.rows import files_folder, unknown_files
from specreason.store.session import Database
from tests.support.api.guarded import PROBLEMS
from tests.support.store.sql import scalar
from tests.support.workers.processes import wait_for

API = [sys.executable, "-P", "-m", "specreason.cli.main", "api"]
START_S = 60
END_S = 10
UPLOAD_BYTES = 150_000_000
MOST_GROWTH_KIB = 80 * 1024


@dataclass(frozen=True, slots=True)
class ApiProcess:
    """A process that serves, and a client of it."""

    process: subprocess.Popen[bytes]
    client: httpx2.Client

    @property
    def peak_kib(self) -> int:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        (peak,) = (line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
        return int(peak)


@contextmanager
def running(environment: dict[str, str]) -> Iterator[ApiProcess]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        fd = listener.fileno()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        process = subprocess.Popen([*API, "--listen-fd", str(fd)], env=environment, pass_fds=[fd])
        try:
            with httpx2.Client(base_url=url, timeout=START_S, trust_env=False) as client:
                yield ApiProcess(process, client)
        finally:
            process.kill()
            process.wait()


@pytest.fixture
def environment(servers: Servers, database_url: str, tmp_path: Path) -> dict[str, str]:
    return {
        **os.environ,
        "SPECREASON_FILES_DIR": str(tmp_path / "files"),
        "SPECREASON_DATABASE_URL": database_url,
        "SPECREASON_BROKER_URL": servers.broker_url,
    }


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"SPECREASON_KEYS": "off"}, "SPECREASON_KEYS"),
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


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_it_ends_while_somebody_listens_to_events(
    environment: dict[str, str], database: Database, number: signal.Signals
) -> None:
    with running(environment) as api:
        batch_id = api.client.post("/api/batches", json={"problems": PROBLEMS}).json()["batch_id"]
        with api.client.stream("GET", f"/api/batches/{batch_id}/events") as answer:
            lines = answer.iter_lines()
            assert next(lines).startswith("id: ")
            api.process.send_signal(number)
            assert api.process.wait(END_S) == 128 + signal.SIGTERM
            assert [line for line in lines if line.startswith("event: ")] == ["event: batch_submitted"]


def test_it_ends_although_clients_have_stalled(environment: dict[str, str]) -> None:
    with running(environment) as api, ExitStack() as connections:
        form = {"files": {"file": ("x", bytes(20_000_000))}, "data": {"purpose": "batch"}}
        file_id = api.client.post("/v1/files", **form).json()["id"]  # type: ignore[arg-type]

        def send(head: str) -> socket.socket:
            connection = connections.enter_context(socket.socket())
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.connect((api.client.base_url.host, api.client.base_url.port))
            connection.sendall(f"{head}\r\nHost: localhost\r\n\r\n".encode())
            return connection

        send("POST /api/batches HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 100")
        assert send(f"GET /v1/files/{file_id}/content HTTP/1.1").recv(100)
        api.process.send_signal(signal.SIGTERM)
        assert api.process.wait(END_S) == 128 + signal.SIGTERM


def test_one_that_is_killed_while_it_stores_a_file_leaves_no_row_and_a_file_that_is_swept(
    environment: dict[str, str], database: Database, tmp_path: Path
) -> None:
    lines = "".join(json.dumps({"problem": f"{number} + 1?"}) + "\n" for number in range(50_000))
    copying = """SELECT count(*) FROM pg_stat_activity
        WHERE query LIKE 'COPY %' AND state = 'active' AND datname = current_database()"""

    def submit() -> None:
        with suppress(httpx2.TransportError):
            api.client.post("/api/batches", files={"file": ("x", lines)})

    with running(environment) as api:
        api.client.get("/api/health").raise_for_status()
        client = threading.Thread(target=submit)
        client.start()
        wait_for(lambda: bool(scalar(database, copying)))
        api.process.kill()
        client.join()
    wait_for(lambda: not scalar(database, copying))
    for table in ("batch", "problem", "job", "event", "file"):
        assert scalar(database, f"SELECT count(*) FROM {table}") == 0
    # The file was kept before its row: the sweep removes what Postgres does not know.
    (file_id,) = files_folder(database, tmp_path / "files").old_files(silent_s=0)
    assert unknown_files(database, [file_id]) == {file_id}


def test_a_large_upload_is_not_in_memory(environment: dict[str, str], tmp_path: Path) -> None:
    line = json.dumps({"problem": "x" * 8000}).encode() + b"\n"
    upload = tmp_path / "problems.jsonl"
    with upload.open("wb") as content:
        for _ in range(UPLOAD_BYTES // len(line)):
            content.write(line)
        content.write(b"no problem\n")
    with running(environment) as api:
        api.client.get("/api/health").raise_for_status()
        before = api.peak_kib
        for path, fields, status in (("/v1/files", {"purpose": "batch"}, 200), ("/api/batches", {}, 422)):
            with upload.open("rb") as content:
                answer = api.client.post(path, files={"file": content}, data=fields)
            assert answer.status_code == status, answer.text
        assert api.peak_kib - before < MOST_GROWTH_KIB
