"""Query parameters that a path does not have."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient

from tests.support.messages import names


def test_a_misspelt_parameter_is_refused_with_the_one_that_was_meant(client: TestClient) -> None:
    answer = client.get("/api/batches?opne=true")
    assert (answer.status_code, answer.json()["field"]) == (422, "opne")
    assert names(answer.json()["detail"], "opne:", "'open'")


def test_an_unknown_parameter_is_refused_before_any_row_is_looked_for(client: TestClient) -> None:
    answer = client.get(f"/api/jobs/{uuid4()}?depth=3")
    assert (answer.status_code, answer.json()["field"]) == (422, "depth")


def test_under_v1_it_is_400_with_the_param(client: TestClient) -> None:
    answer = client.get("/v1/files?prupose=batch")
    error = answer.json()["error"]
    assert (answer.status_code, error["param"]) == (400, "prupose")
    assert names(error["message"], "'purpose'")


def test_every_operation_refuses_an_unknown_parameter_and_says_that_it_does(client: TestClient) -> None:
    paths: dict[str, dict[str, Any]] = client.get("/openapi.json").json()["paths"]
    identifiers = dict.fromkeys(("batch_id", "job_id", "file_id", "webhook_id"), uuid4())
    for path, operations in paths.items():
        for method, operation in operations.items():
            url = path.format_map({**identifiers, "model": "demo", "table": "step"})
            answer = client.request(method, f"{url}?no_such_parameter=1")
            expected = 400 if path.startswith("/v1/") else 422
            assert answer.status_code == expected, (method, path)
            assert str(expected) in operation["responses"]


def test_a_repeated_parameter_is_named_without_a_number(client: TestClient) -> None:
    answer = client.get(f"/api/batches/{uuid4()}/jobs?state=failed&state=sucess")
    assert answer.json()["field"] == "state"
    assert names(answer.json()["detail"], "'sucess'", "'succeeded'")


@pytest.mark.parametrize("path", ["/docs?x=1", "/openapi.json?x=1"])
def test_pages_take_any_parameter(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 200
