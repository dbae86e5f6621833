"""Limits of bodies, and the shape of every error."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

from fastapi import FastAPI
from fastapi.testclient import TestClient

from api.answers.errors import NO_SUCH_PATH
from specreason.store.session import Database
from specreason.store.tables.states import Scope
from tests.support.api.guarded import client_of, make_key


def test_a_body_larger_than_its_path_takes_is_refused(guarded: FastAPI, database: Database) -> None:
    client = client_of(guarded, make_key(database, "ada"))

    def chunks() -> Iterator[bytes]:
        for _ in range(40):
            yield b" " * 65_536

    path = f"/api/batches/{uuid4()}/deadline"
    for answer in (
        client.post(path, content=b" " * 2_000_000),
        client.post(path, content=chunks(), headers={"Content-Type": "application/json"}),
        client.post("/api/batches", content=chunks(), headers={"Content-Type": "application/json"}),
    ):
        assert (answer.status_code, answer.json()["field"]) == (413, "body")


def test_what_does_not_exist_is_a_problem_and_under_v1_an_error_of_openais(
    guarded: FastAPI, database: Database
) -> None:
    client = client_of(guarded, make_key(database, "ada"))
    native = client.get("/api/nothing")
    assert native.headers["Content-Type"] == "application/problem+json"
    assert native.json() == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": NO_SUCH_PATH,
        "field": None,
    }
    wrong_method = client.delete("/api/batches")
    assert (wrong_method.status_code, wrong_method.json()["status"]) == (405, 405)
    assert client.get("/v1/nothing").json()["error"]["type"] == "invalid_request_error"
    error = TestClient(guarded).get("/v1/models").json()["error"]
    assert (error["code"], error["type"], error["param"]) == ("invalid_api_key", "authentication_error", None)


def test_a_defect_is_a_problem_too(guarded: FastAPI, database: Database) -> None:
    @guarded.get("/api/defect")
    def defect() -> None:
        raise RuntimeError("secret")

    issued = make_key(database, "root", [Scope.ADMIN])
    client = TestClient(
        guarded, raise_server_exceptions=False, headers={"Authorization": f"Bearer {issued.secret}"}
    )
    answer = client.get("/api/defect")
    assert answer.status_code == 500
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert "secret" not in answer.text
