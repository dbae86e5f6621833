"""An owner with one row of every kind, for tests of what other owners see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI

from specreason.store.queue.jobs import JobResult
from specreason.store.session import Database
from specreason.store.tables.states import JobState
from tests.support.api.guarded import HOOKS, PROBLEMS, client_of, make_key
from tests.support.api.openai_builders import ENDPOINT, end_all, jsonl, line, succeeded
from tests.support.store.sql import execute, rows_of
from tests.support.workers.processes import wait_for

NAME = "lovelace"  # stands in everything that ada names
KEY = {"Idempotency-Key": "mine"}
SUBMISSION = {"name": f"{NAME}'s sums", "problems": PROBLEMS, "config": {"repeats": 2}}
GRID = {"name": f"{NAME}'s grid", "problems": PROBLEMS[:1], "grid": {"scheme": ["base", "drafter"]}}
LINES = [line("one", model="demo"), line("two", model="demo")]
# Paths that name what they are about by parameters.
COMPARED = ("/api/compare", "/api/compare/problems", "/api/compare/traces", "/api/report")
IDS = " UNION ALL ".join(
    f"SELECT id FROM {table}" for table in ("file", "openai_batch", "batch", "job", "webhook")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ids:
    """The id of one row of each kind, as the paths name it."""

    batch_id: str
    job_id: str
    openai_id: str
    file_id: str
    webhook_id: str

    def url(self, path: str) -> str:
        batch_id = self.openai_id if path.startswith("/v1/") else self.batch_id
        return path.format(
            batch_id=batch_id,
            job_id=self.job_id,
            file_id=self.file_id,
            webhook_id=self.webhook_id,
            model="demo",
            table="job",
        )

    def query(self, path: str) -> dict[str, str]:
        """The parameters without which the path answers nothing."""
        compared = self.job_id if path.endswith("/traces") else self.batch_id
        if path == "/api/report":
            return {"batch": self.batch_id}
        if path in COMPARED:
            return {"a": compared, "b": compared}
        if path.endswith("/search"):
            return {"q": "sum"}
        return {"num_problems": "1"} if path == "/api/estimate" else {}


class Owned:
    """An owner with files, an OpenAI batch and its results, a batch, a grid, webhooks, and jobs in many states."""

    def __init__(self, app: FastAPI, database: Database) -> None:
        self.client = client_of(app, make_key(database, "ada"))
        self.database = database
        self.file_id = self.upload()
        self.openai_id = str(self.post("/v1/batches", json=openai_batch(self.file_id), headers=KEY)["id"])
        self._stands("in_progress")
        execute(database, "UPDATE job SET pair = 'scripted'")
        failed = JobResult(state=JobState.FAILED, error=f"{NAME} failed")
        end_all(database, lambda number: failed if number else succeeded(number))
        done = self._stands("completed")
        self.result_ids = [str(done["output_file_id"]), str(done["error_file_id"])]
        self.batch_id = str(self.post("/api/batches", json=SUBMISSION, headers=KEY)["batch_id"])
        self.grid_id = str(self.post("/api/grids", json=GRID, headers=KEY)["grid_id"])
        execute(database, "UPDATE job SET pair = 'scripted'")
        hook = {"url": f"https://{HOOKS}/{NAME}"}
        self.webhook_ids = [str(self.post("/api/webhooks", json=hook)["webhook_id"]) for _ in range(2)]

    def post(self, path: str, **sent: Any) -> dict[str, Any]:
        answer = self.client.post(path, **sent)
        assert answer.is_success, answer.text
        return dict(answer.json())

    def upload(self, **sent: Any) -> str:
        form = {"purpose": "batch"}
        files = {"file": (f"{NAME}.jsonl", jsonl(LINES))}
        return str(self.post("/v1/files", data=form, files=files, **sent)["id"])

    def _stands(self, status: str) -> dict[str, Any]:
        """The OpenAI batch once it has this status."""
        path = f"/v1/batches/{self.openai_id}"
        wait_for(lambda: self.client.get(path).json()["status"] == status)
        return dict(self.client.get(path).json())

    @property
    def jobs(self) -> dict[str, str]:
        """The jobs of the batch, and their states."""
        jobs = self.client.get(f"/api/batches/{self.batch_id}/jobs").json()["data"]
        return {job["job_id"]: job["state"] for job in jobs}

    @property
    def ids(self) -> list[Ids]:
        """A job of each batch and state, and every file."""
        files = [self.file_id, *self.result_ids]
        jobs = rows_of(
            self.database, "SELECT DISTINCT ON (batch_id, state) batch_id::text, id::text FROM job"
        )
        return [
            Ids(
                batch_id=batch_id,
                job_id=job_id,
                openai_id=self.openai_id,
                file_id=files[number % len(files)],
                webhook_id=self.webhook_ids[number % 2],
            )
            for number, (batch_id, job_id) in enumerate(jobs)
        ]

    @property
    def secrets(self) -> set[str]:
        """Every id of the owner's rows as 32 digits, and the name that the owner gives them."""
        return {row[0].hex for row in rows_of(self.database, IDS)} | {plain(self.grid_id), NAME}


def openai_batch(file_id: str) -> dict[str, Any]:
    metadata = {"who": NAME}
    return {
        "input_file_id": file_id,
        "endpoint": ENDPOINT,
        "completion_window": "24h",
        "metadata": metadata,
    }


def plain(text: str) -> str:
    """Ids are written in two ways."""
    return text.lower().replace("-", "")
