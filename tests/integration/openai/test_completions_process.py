"""Chat completions and the end of the API's process: what a waiting client is told, and what becomes of the job."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from specreason.embedded import Servers
from specreason.store.session import Database
from tests.support.api.answering import CONTENT, answering
from tests.support.api.apps import write_pairs
from tests.support.api.openai_builders import ENDPOINT
from tests.support.store.builders import start_worker
from tests.support.store.sql import rows_of, scalar
from tests.support.workers.processes import wait_for

API = [sys.executable, "-P", "-m", "specreason.cli.main", "api", "--port", "0", "--json"]
START_S = 60
BODY = {"model": "scripted", "messages": [{"role": "user", "content": "What is 2 + 2?"}]}
KEY = {"Idempotency-Key": "mine"}


@pytest.fixture
def environment(servers: Servers, database_url: str, tmp_path: Path) -> dict[str, str]:
    return {
        **os.environ,
        "SPECREASON_FILES_DIR": str(tmp_path / "files"),
        "SPECREASON_DATABASE_URL": database_url,
        "SPECREASON_BROKER_URL": servers.broker_url,
        "SPECREASON_PAIRS_FILE": str(write_pairs(tmp_path)),
    }


@contextmanager
def running(environment: dict[str, str]) -> Iterator[tuple[subprocess.Popen[bytes], httpx2.Client]]:
    with subprocess.Popen(API, env=environment, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            url = json.loads(process.stdout.readline())["api_url"]
            with httpx2.Client(base_url=url, timeout=START_S, trust_env=False) as client:
                client.get("/api/health").raise_for_status()
                yield process, client
        finally:
            process.kill()


def in_thread(client: httpx2.Client, answers: list[Any], **sent: Any) -> threading.Thread:
    """Send a request that waits; its answer, or its error, is added to `answers`."""

    def ask() -> None:
        try:
            answers.append(client.post(ENDPOINT, **sent))
        except httpx2.HTTPError as error:
            answers.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    return thread


def test_an_api_that_is_told_to_end_answers_those_who_wait_and_leaves_what_they_can_ask_for_again(
    environment: dict[str, str], database: Database
) -> None:
    start_worker(database)
    waiting: list[Any] = []
    keyed: list[Any] = []
    with running(environment) as (process, client):
        threads = [
            in_thread(client, waiting, json=BODY | {"seed": 1}),
            in_thread(client, keyed, json=BODY | {"seed": 2}, headers=KEY),
        ]
        with client.stream("POST", ENDPOINT, json=BODY | {"seed": 3, "stream": True}) as streamed:
            lines = streamed.iter_lines()
            assert "assistant" in next(lines)
            wait_for(lambda: scalar(database, "SELECT count(*) FROM job") == 3)
            process.send_signal(signal.SIGTERM)
            told = [line.removeprefix("data: ") for line in lines if line.startswith("data: ")]
        process.wait(START_S)
        for thread in threads:
            thread.join()
    for answer in (*waiting, *keyed):
        assert (answer.status_code, answer.json()["error"]["type"]) == (503, "server_error")
        assert int(answer.headers["Retry-After"]) > 0
    assert [json.loads(line)["error"]["type"] for line in told[:-1]] == ["server_error"]
    assert told[-1] == "[DONE]"
    states = rows_of(database, "SELECT seed, state FROM job ORDER BY seed")
    assert states == [(1, "cancelled"), (2, "queued"), (3, "cancelled")]
    with running(environment) as (_, client), answering(database):
        again = client.post(ENDPOINT, json=BODY | {"seed": 2}, headers=KEY)
    assert again.json()["choices"][0]["message"]["content"] == CONTENT
    assert scalar(database, "SELECT count(*) FROM job") == 3


def test_the_job_of_an_api_that_is_killed_runs_on(environment: dict[str, str], database: Database) -> None:
    start_worker(database)
    answers: list[Any] = []
    with running(environment) as (process, client):
        thread = in_thread(client, answers, json=BODY)
        wait_for(lambda: scalar(database, "SELECT count(*) FROM job") == 1)
        process.kill()
        thread.join()
    assert isinstance(answers[0], httpx2.HTTPError)
    with answering(database):
        wait_for(lambda: scalar(database, "SELECT state FROM job") == "succeeded")
