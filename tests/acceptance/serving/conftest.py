"""The whole product, once: real servers, API, supervisor, and the demo pair in two vLLM engines."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from specreason.cli.local.stack import Stack, running_stack
from tests.support.workers.processes import wait_for


@pytest.fixture(scope="package")
def stack() -> Iterator[Stack]:
    with (
        tempfile.TemporaryDirectory() as folder,
        running_stack(
            Path(folder) / "data", pair="demo", port=0, slots=4, announce=lambda line: None
        ) as stack,
    ):
        yield stack


@pytest.fixture(scope="package")
def client(stack: Stack) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=stack.api_url, timeout=30) as client:
        yield client


class User:
    """What a user does over HTTP, and waits for."""

    def __init__(self, client: httpx2.Client) -> None:
        self._client = client

    def submit(self, problems: list[dict[str, Any]], **config: Any) -> str:
        answer = self._client.post("/api/batches", json={"problems": problems, "config": config})
        assert answer.status_code == 201, answer.text
        batch_id: str = answer.json()["batch_id"]
        return batch_id

    def get(self, path: str, **params: Any) -> Any:
        answer = self._client.get(f"/api/{path}", params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def steps(self, job_id: str) -> list[dict[str, Any]]:
        steps: list[dict[str, Any]] = self.get(f"jobs/{job_id}/steps", limit=1000)["data"]
        return steps

    def jobs(self, batch_id: str) -> list[dict[str, Any]]:
        jobs: list[dict[str, Any]] = self.get(f"batches/{batch_id}/jobs", limit=1000)["data"]
        return jobs

    def wait_until_ended(self, batch_id: str) -> list[dict[str, Any]]:
        """The batch's jobs once all have ended and every answer that can be graded is."""

        def settled() -> bool:
            batch = self.get(f"batches/{batch_id}")
            waiting = sum(
                job["state"] == "succeeded" and job["gold"] is not None for job in self.jobs(batch_id)
            )
            return batch["num_queued"] + batch["num_running"] == 0 and batch["num_graded"] == waiting

        wait_for(settled, 600)  # a killed pair loads again, which takes minutes on a busy machine
        return self.jobs(batch_id)


@pytest.fixture(scope="package")
def user(client: httpx2.Client) -> User:
    return User(client)
