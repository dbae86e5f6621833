"""Cancel, pause, resume, requeue and deadlines over HTTP, and the commands that ask for them."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi.testclient import TestClient

from specreason.store.queue.dispatch import expire_deadlines
from specreason.store.session import Database
from tests.support.api.openai_builders import ENDPOINT
from tests.support.messages import names
from tests.support.store.builders import claimed, start_worker, submit
from tests.support.store.sql import execute


def post(client: TestClient, path: str, body: Any = None) -> Any:
    answer = client.post(f"/api/{path}", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def jobs(client: TestClient, batch_id: UUID) -> list[str]:
    return [job["job_id"] for job in client.get(f"/api/batches/{batch_id}/jobs").json()["data"]]


def test_a_batch_is_paused_resumed_cancelled_and_queued_again(client: TestClient, database: Database) -> None:
    batch_id = submit(database, 2)
    assert post(client, f"batches/{batch_id}/pause")["paused_at"] is not None
    assert post(client, f"batches/{batch_id}/resume")["paused_at"] is None
    assert post(client, f"batches/{batch_id}/cancel")["num_cancelled"] == 2
    assert post(client, f"batches/{batch_id}/requeue")["num_queued"] == 0
    assert post(client, f"batches/{batch_id}/requeue", {"states": ["cancelled"]})["num_queued"] == 2


def test_a_job_is_cancelled_and_queued_again(client: TestClient, database: Database) -> None:
    first, second = jobs(client, submit(database, 2))
    assert post(client, f"jobs/{first}/cancel")["state"] == "cancelled"
    assert post(client, f"jobs/{first}/requeue")["state"] == "queued"
    assert client.get(f"/api/jobs/{second}").json()["state"] == "queued"


def test_an_answer_says_how_much_the_control_changed(client: TestClient, database: Database) -> None:
    batch_id = submit(database, 2)

    def num_changed(path: str, body: Any = None) -> int:
        number: int = post(client, path, body)["num_changed"]
        return number

    for action in ("pause", "resume"):
        assert [num_changed(f"batches/{batch_id}/{action}") for _ in range(2)] == [1, 0]
    for action, body in (
        ("priority", {"priority": 3}),
        ("deadline", {"deadline_at": "2030-01-01T00:00:00Z"}),
        ("cancel", None),
        ("requeue", {"states": ["cancelled"]}),
    ):
        assert [num_changed(f"batches/{batch_id}/{action}", body) for _ in range(2)] == [2, 0]
    (job_id, _) = jobs(client, batch_id)
    for action, body in (("deadline", {"deadline_at": None}), ("cancel", None), ("requeue", None)):
        assert [num_changed(f"jobs/{job_id}/{action}", body) for _ in range(2)] == [1, 0]


def test_a_deadline_is_set_taken_off_and_kept(client: TestClient, database: Database) -> None:
    problems = [{"problem": "What is 2 + 2?"}]
    batch = client.post("/api/batches", json={"problems": problems, "deadline_s": 3600}).json()
    (job_id,) = jobs(client, batch["batch_id"])
    assert client.get(f"/api/jobs/{job_id}").json()["deadline_at"] is not None
    assert post(client, f"jobs/{job_id}/deadline", {"deadline_at": None})["deadline_at"] is None
    post(client, f"batches/{batch['batch_id']}/deadline", {"deadline_at": "2020-01-01T00:00:00Z"})
    expire_deadlines(database)
    assert client.get(f"/api/jobs/{job_id}").json()["stop_reason"] == "deadline"


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("batches/{batch}/requeue", {"states": ["lost"]}, "states[0]"),
        ("batches/{batch}/requeue", [], "body"),
        ("batches/{batch}/deadline", None, "body"),
        ("batches/{batch}/requeue", {"states": ["succeeded"]}, "states"),
        ("batches/{batch}/requeue", {"state": ["dead"]}, "state"),
        ("batches/{batch}/deadline", {"deadline_at": "2026-12-24T18:00:00"}, "deadline_at"),
        ("batches/{batch}/deadline", {}, "deadline_at"),
        ("batches/nonsense/cancel", None, "batch_id"),
    ],
)
def test_a_wrong_request_names_its_field(
    client: TestClient, database: Database, path: str, body: Any, field: str
) -> None:
    answer = client.post(f"/api/{path.format(batch=submit(database))}", json=body)
    assert answer.status_code == 422
    assert answer.json()["field"] == field


@pytest.mark.parametrize(
    ("path", "status"), [(f"/api/jobs/{UUID(int=1)}/deadline", 422), ("/v1/batches", 400)]
)
def test_a_body_that_is_no_json_is_called_so(client: TestClient, path: str, status: int) -> None:
    answer = client.post(path, content=b'{"a": ', headers={"Content-Type": "application/json"})
    assert answer.status_code == status
    said = answer.json().get("error") or answer.json()
    assert said.get("field", said.get("param")) == "body"
    assert said.get("detail", said.get("message")).startswith("body: ")


def test_a_wrong_value_is_said_as_in_a_submission(client: TestClient) -> None:
    answer = client.post(f"/api/batches/{uuid4()}/priority", json={"priority": 101})
    assert names(answer.json()["detail"], "priority:", 100, 101)
    metadata = {str(number): "" for number in range(17)}
    asked = {"input_file_id": "f", "endpoint": ENDPOINT, "completion_window": "24h", "metadata": metadata}
    error = client.post("/v1/batches", json=asked).json()["error"]
    assert error["param"] == "metadata"
    assert error["message"].startswith("metadata: has more than 16 pairs")


def test_an_id_that_is_not_there_is_404(client: TestClient) -> None:
    for path in ("batches/{}/cancel", "batches/{}/pause", "jobs/{}/cancel", "jobs/{}/requeue"):
        assert client.post(f"/api/{path.format(uuid4())}").status_code == 404


def test_workers_are_listed_with_the_slots_they_use(client: TestClient, database: Database) -> None:
    worker_id = start_worker(database)
    (job_id,) = jobs(client, submit(database))
    claimed(database, UUID(job_id), worker_id)
    (worker,) = client.get("/api/workers").json()["data"]
    assert (worker["worker_id"], worker["alive"], worker["num_running"]) == (str(worker_id), True, 1)
    execute(database, "UPDATE worker SET stopped_at = now()")
    assert not client.get("/api/workers").json()["data"][0]["alive"]
