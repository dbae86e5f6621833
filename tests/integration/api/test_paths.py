"""Lists of paths that stand beside the routes name what the routes are."""

from __future__ import annotations

from fastapi import FastAPI
from fastapi.testclient import TestClient

from api.door.access import OPEN_PATHS
from api.door.body_limit import UPLOAD_PATHS
from api.site.paths import is_page

FORM = "multipart/form-data"


def test_every_open_path_exists_and_asks_for_no_key(guarded: FastAPI) -> None:
    client = TestClient(guarded)
    assert {path: client.get(path).status_code for path in OPEN_PATHS} == dict.fromkeys(OPEN_PATHS, 200)


def test_the_routes_that_take_a_form_are_those_that_may_take_a_large_body(guarded: FastAPI) -> None:
    forms = {
        path
        for path, operations in guarded.openapi()["paths"].items()
        for operation in operations.values()
        if FORM in operation.get("requestBody", {}).get("content", {})
    }
    assert forms == {path for path in UPLOAD_PATHS if not is_page(path)}
