"""The OpenAPI document and its page."""

from __future__ import annotations

import re

from fastapi.testclient import TestClient


def test_the_documentation_names_every_endpoint(client: TestClient) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    assert {path.removeprefix("/api/") for path in paths} == {
        "/v1/models",
        "/v1/models/{model}",
        "/v1/files",
        "/v1/files/{file_id}",
        "/v1/files/{file_id}/content",
        "/v1/batches",
        "/v1/batches/{batch_id}",
        "/v1/batches/{batch_id}/cancel",
        "grids",
        "batches/{batch_id}/results",
        "batches",
        "batches/{batch_id}",
        "batches/{batch_id}/jobs",
        *(
            f"batches/{{batch_id}}/{action}"
            for action in ("cancel", "pause", "resume", "requeue", "deadline", "priority", "events")
        ),
        "jobs/{job_id}",
        *(f"jobs/{{job_id}}/{what}" for what in ("steps", "attempts", "events")),
        *(f"jobs/{{job_id}}/{action}" for action in ("cancel", "requeue", "deadline")),
        "workers",
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
