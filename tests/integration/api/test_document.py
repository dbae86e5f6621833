"""The OpenAPI document and its page."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from specreason.embedded import Servers
from specreason.store.queue.jobs import JobResult, finish
from specreason.store.session import Database
from specreason.store.tables.states import JobState
from tests.support.api.answering import answering
from tests.support.api.apps import make_api
from tests.support.store.builders import claimed, job_ids, start_worker, submit
from tests.support.store.judged_batches import judged_batch

# Generated clients name their methods by these: a change breaks them.
OPERATIONS = {
    "Submissions": ["submit_batch", "submit_grid", "get_estimate"],
    "Batches": [
        *("get_batches", "get_batch", "cancel_batch", "pause_batch", "resume_batch"),
        *("set_batch_deadline", "set_batch_priority", "requeue_batch", "regrade_batch"),
    ],
    "Jobs": [
        *("get_jobs", "get_job", "get_steps", "get_attempts"),
        *("cancel_job", "set_job_deadline", "requeue_job"),
    ],
    "Results": [
        *("get_results", "get_figures", "get_judgement", "get_rows", "search_batch", "get_cost"),
        *("store_rewards", "get_rewards"),
        *("get_comparison", "get_compared_problems", "get_parting", "get_report"),
    ],
    "Events": ["get_batch_events", "get_job_events"],
    "Webhooks": ["add_webhook", "get_webhooks", "get_deliveries", "send_test", "remove_webhook"],
    "Workers and health": ["get_workers", "get_queues", "get_health", "prune"],
    "OpenAI chat completions": ["openai_create_chat_completion"],
    "OpenAI files": [
        *("openai_upload_file", "openai_get_files", "openai_get_file"),
        *("openai_get_content", "openai_remove_file"),
    ],
    "OpenAI batches": [
        *("openai_create_batch", "openai_get_batches", "openai_get_batch", "openai_cancel"),
    ],
    "OpenAI models": ["openai_get_models", "openai_get_model"],
}


@pytest.fixture
def app(servers: Servers, database: Database, files_dir: Path) -> FastAPI:
    """With a host for webhooks that no resolver knows."""
    return make_api(
        servers, database, files_dir=files_dir, webhook_hosts="hooks.example", webhook_key="k" * 32
    )


def test_the_documentation_names_every_endpoint(client: TestClient) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    assert {path.removeprefix("/api/") for path in paths} == {
        "/v1/chat/completions",
        "/v1/models",
        "/v1/models/{model}",
        "/v1/files",
        "/v1/files/{file_id}",
        "/v1/files/{file_id}/content",
        "/v1/batches",
        "/v1/batches/{batch_id}",
        "/v1/batches/{batch_id}/cancel",
        "grids",
        "prune",
        "webhooks",
        "webhooks/{webhook_id}",
        "webhooks/{webhook_id}/deliveries",
        "webhooks/{webhook_id}/test",
        "batches/{batch_id}/results",
        "batches/{batch_id}/figures",
        "batches/{batch_id}/judge",
        "batches/{batch_id}/rewards",
        "batches/{batch_id}/cost",
        "estimate",
        "batches/{batch_id}/rows/{table}",
        "batches/{batch_id}/search",
        "compare",
        "compare/problems",
        "compare/traces",
        "report",
        "batches",
        "batches/{batch_id}",
        "batches/{batch_id}/jobs",
        *(
            f"batches/{{batch_id}}/{action}"
            for action in (
                "cancel",
                "pause",
                "resume",
                "requeue",
                "regrade",
                "deadline",
                "priority",
                "events",
            )
        ),
        "jobs/{job_id}",
        *(f"jobs/{{job_id}}/{what}" for what in ("steps", "attempts", "events")),
        *(f"jobs/{{job_id}}/{action}" for action in ("cancel", "requeue", "deadline")),
        "workers",
        "queues",
        "health",
    }
    assert set(paths["/api/batches"]["post"]["requestBody"]["content"]) == {
        "application/json",
        "multipart/form-data",
    }


def test_the_page_of_the_api_needs_nothing_from_another_server(client: TestClient) -> None:
    page = client.get("/docs").text
    sources = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(sources) == 3
    assert all(client.get(f"/{source}").status_code == 200 for source in sources)
    assert "https://" not in page


def operations(client: TestClient) -> list[tuple[str, str, dict[str, Any]]]:
    paths = client.get("/openapi.json").json()["paths"]
    return [(path, method, each) for path, methods in paths.items() for method, each in methods.items()]


def test_every_operation_has_a_heading_a_title_and_an_id_that_stays(client: TestClient) -> None:
    by_heading: dict[str, list[str]] = {}
    for _, _, operation in operations(client):
        (heading,) = operation["tags"]
        by_heading.setdefault(heading, []).append(operation["operationId"])
    assert {heading: sorted(ids) for heading, ids in by_heading.items()} == {
        heading: sorted(ids) for heading, ids in OPERATIONS.items()
    }
    titles = [operation["summary"] for _, _, operation in operations(client)]
    assert len(set(titles)) == len(titles)
    headings = client.get("/openapi.json").json()["tags"]
    assert [heading["name"] for heading in headings] == list(OPERATIONS)
    assert all(heading["description"] for heading in headings)


def test_every_body_has_an_example_that_the_api_takes_as_it_is(
    client: TestClient, database: Database
) -> None:
    """Only ids are filled in: those of the path, of the job of a reward, and of the file of an OpenAI batch."""
    with answering(database, pair="demo"):
        sent = send_every_example(client, database)
    assert sent == 16
    batches = client.get("/api/batches").json()["data"]
    assert {batch["name"] for batch in batches} >= {"first try", "base or both base"}


def send_every_example(client: TestClient, database: Database) -> int:
    """The number of examples that were sent."""
    sent = 0
    batch_id = submit(database, 1)
    (job_id,) = job_ids(database, batch_id)
    file_id = ""
    # A file is uploaded before it is used.
    for path, method, operation in sorted(operations(client), key=lambda each: "/v1/files" not in each[0]):
        for content_type, content in operation.get("requestBody", {}).get("content", {}).items():
            example = content["example"]
            ids = {"batch_id": batch_id, "job_id": job_id}
            if operation["operationId"] == "requeue_batch":
                ids["batch_id"] = failed_batch(database)
            if operation["operationId"] == "store_rewards":
                ids["batch_id"] = judged_batch(database, ["21"])
                (job,) = job_ids(database, ids["batch_id"])
                example = example | {"rewards": [each | {"job_id": str(job)} for each in example["rewards"]]}
            if "input_file_id" in example:
                example = example | {"input_file_id": file_id}
            url = path.format(**ids)
            if content_type == "application/json":
                answer = client.request(method, url, json=example)
            else:
                file = example.pop("file")
                answer = client.request(method, url, data=example, files={"file": ("lines.jsonl", file)})
            assert 200 <= answer.status_code < 300, (operation["operationId"], answer.text)
            if operation["operationId"] == "openai_upload_file":
                file_id = answer.json()["id"]
            sent += 1
    return sent


def test_the_examples_of_submissions_let_their_jobs_run(client: TestClient) -> None:
    for _, _, operation in operations(client):
        for content in operation.get("requestBody", {}).get("content", {}).values():
            assert "deadline_s" not in json.dumps(content["example"])


def failed_batch(database: Database) -> Any:
    batch_id = submit(database, 1)
    (job_id,) = job_ids(database, batch_id)
    claim = claimed(database, job_id, start_worker(database))
    assert finish(database, claim, JobResult(state=JobState.FAILED, error="no answer"))
    return batch_id
