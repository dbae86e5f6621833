"""Submissions by columns, files and grids, and what is refused of them."""

from __future__ import annotations

import json
import tempfile
import threading
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from specreason.embedded import Servers
from specreason.store.files.folder import NewContent
from specreason.store.session import Database
from tests.support.api.apps import make_api
from tests.support.api.live import serving
from tests.support.messages import names
from tests.support.store.full_disk import full_disk
from tests.support.store.sql import rows_of, scalar
from tests.support.workers.processes import wait_for

ROWS = [{"question": "1 + 1?", "solution": 2, "uid": "a", "year": 2024}, {"question": "2 + 2?"}]
MAPPING = {"problem": "question", "answer": "solution", "id": "uid"}
LINES = "".join(json.dumps(row) + "\n" for row in ROWS)


@pytest.fixture
def app(servers: Servers, database: Database, files_dir: Path) -> FastAPI:
    limits = {"max_body_bytes": 100_000, "max_problems": 1000, "max_jobs": 100}
    return make_api(servers, database, files_dir=files_dir, **limits)


def kept_too_early(content: NewContent, cleanup: object) -> None:
    raise AssertionError("the file was made durable")


def problems(database: Database) -> list[Any]:
    return list(rows_of(database, "SELECT text, answer, problem_id, source FROM problem ORDER BY index"))


UPLOADS = [("/v1/files", {"purpose": "batch"}), ("/api/batches", {})]
TOO_MANY = {"scheme": ["base", "specreason"], "threshold": [number / 10 for number in range(64)]}
MAPPED = [("1 + 1?", "2", "a", {"year": 2024}), ("2 + 2?", None, None, {})]


def test_columns_of_inline_problems_are_mapped(client: TestClient, database: Database) -> None:
    answer = client.post("/api/batches", json={"problems": ROWS, "mapping": MAPPING})
    assert answer.status_code == 201
    assert problems(database) == MAPPED


def test_columns_of_a_file_are_mapped(client: TestClient, database: Database) -> None:
    form = {"mapping": json.dumps(MAPPING)}
    answer = client.post("/api/batches", data=form, files={"file": ("p.jsonl", LINES)})
    assert answer.status_code == 201
    assert problems(database) == MAPPED


def test_an_earlier_upload_is_used_by_either_of_its_names(client: TestClient, database: Database) -> None:
    made = client.post("/v1/files", data={"purpose": "batch"}, files={"file": ("p.jsonl", LINES)}).json()
    file_id = UUID(made["id"].removeprefix("file-"))
    for name in (made["id"], str(file_id)):
        form = {"file_id": name, "mapping": json.dumps(MAPPING)}
        # A form without a file part is multipart all the same.
        answer = client.post("/api/batches", files={key: (None, value) for key, value in form.items()})
        assert answer.status_code == 201, answer.text
        assert answer.json()["file_id"] == str(file_id)
    assert scalar(database, "SELECT count(*) FROM problem") == 4
    assert scalar(database, "SELECT count(*) FROM file") == 1


@pytest.mark.parametrize(
    ("form", "says"),
    [
        ({"mapping": json.dumps({"question": "problem"})}, "question"),
        ({"mapping": json.dumps({"problem": "text"})}, "mapping.problem: there is no column 'text'"),
        ({"mapping": json.dumps({"answer": "gold"})}, "mapping.answer: there is no column 'gold'"),
        ({"mapping": json.dumps({"problem": ""})}, "line 1: problem"),
        ({"format": "xml"}, "format"),
        ({"mapping": "[]"}, "mapping"),
        ({"file_id": f"file-{uuid4().hex}"}, "file_id"),
    ],
)
def test_a_refused_file_leaves_nothing_behind(
    client: TestClient, database: Database, files_dir: Path, form: dict[str, str], says: str
) -> None:
    answer = client.post("/api/batches", data=form, files={"file": ("p.jsonl", LINES)})
    assert answer.status_code == 422
    assert says in answer.text
    assert scalar(database, "SELECT count(*) FROM file") == 0
    assert [path for path in files_dir.rglob("*") if path.is_file()] == []


def test_a_file_id_that_is_none_is_refused(client: TestClient) -> None:
    answer = client.post("/api/batches", files={"file_id": (None, str(uuid4()))})
    assert (answer.status_code, answer.json()["field"]) == (422, "file_id")


def test_a_file_id_whose_content_is_gone_is_refused(client: TestClient, files_dir: Path) -> None:
    made = client.post("/v1/files", data={"purpose": "batch"}, files={"file": ("p.jsonl", LINES)}).json()
    for path in files_dir.glob("*/*"):
        path.unlink()  # as a delete does that comes in between
    answer = client.post("/api/batches", files={"file_id": (None, made["id"])})
    assert (answer.status_code, answer.json()["field"]) == (422, "file_id")


def test_a_body_that_would_fill_the_memory_is_refused(client: TestClient) -> None:
    answer = client.post("/api/batches", json={"problems": [{"problem": "x" * 100_000}]})
    assert (answer.status_code, answer.json()["field"]) == (413, "body")
    assert names(answer.json()["detail"], "file")


@pytest.mark.parametrize(
    "body",
    [
        {"problems": [{"problem": "1 + 1?"}], "metadata": {"deep": json.loads("[" * 300 + "]" * 300)}},
        {"problems": [{"problem": "1 + 1?"}], "metadata": {"by": "\0"}},
        {"problems": [{"problem": "1 + 1?"}], "metadata": {"by": ["\ud800"]}},
        {"problems": [{"problem": "1 + 1?"}], "metadata": {"\0": 1}},
        {"problems": [{"problem": "1 + 1?"}], "\ud800": 1},
        {"problems": [{"problem": "1 + 1?", "\ud800\0": 1}]},
        {"problems": [{"text": "1 + 1?"}], "mapping": {"problem": "\ud800"}},
        {"problems": [{"problem": "1 + 1?"}], "pair": "\ud800"},
    ],
    ids=[
        "300 levels",
        "NUL in metadata",
        "half a pair in metadata",
        "NUL in a key of metadata",
        "key",
        "key of a problem",
        "mapping",
        "pair",
    ],
)
def test_a_body_that_cannot_be_stored_or_repeated_is_refused(
    client: TestClient, database: Database, body: dict[str, Any]
) -> None:
    headers = {"Content-Type": "application/json"}
    answer = client.post("/api/batches", content=json.dumps(body), headers=headers)
    assert answer.status_code == 422
    assert scalar(database, "SELECT count(*) FROM batch") == 0


@pytest.mark.parametrize("charset", ["undefined", "utf-7", "unicode_escape", "latin-1"])
@pytest.mark.parametrize(("path", "status"), [("/api/batches", 422), ("/v1/files", 400)])
def test_a_form_in_another_charset_is_refused(
    client: TestClient, path: str, status: int, charset: str
) -> None:
    form = b'--x\r\nContent-Disposition: form-data; name="name"\r\n\r\nx\r\n--x--\r\n'
    headers = {"Content-Type": f"multipart/form-data; boundary=x; charset={charset}"}
    answer = client.post(path, content=form, headers=headers)
    assert answer.status_code == status
    assert "charset" in answer.text


@pytest.mark.parametrize(("path", "fields"), UPLOADS)
def test_an_upload_that_fills_the_disk_is_503_and_nothing_stays(
    client: TestClient, files_dir: Path, path: str, fields: dict[str, str]
) -> None:
    with full_disk(100_000):
        answer = client.post(path, data=fields, files={"file": ("x", bytes(2_000_000))})
    assert answer.status_code == 503
    assert "files: " in answer.text
    assert int(answer.headers["Retry-After"]) > 0
    assert not any(each.is_file() for each in files_dir.rglob("*"))


def test_an_upload_needs_room_only_where_files_stay(
    client: TestClient, files_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere")
    answer = client.post("/v1/files", data={"purpose": "batch"}, files={"file": ("x", bytes(2_000_000))})
    assert answer.status_code == 200
    assert [each.stat().st_size for each in files_dir.rglob("*") if each.is_file()] == [2_000_000]


def test_a_file_of_blank_lines_is_refused(client: TestClient) -> None:
    answer = client.post("/api/batches", files={"file": ("p.jsonl", b"\n" * 10_001)})
    assert (answer.status_code, answer.json()["field"]) == (422, "file")
    assert names(answer.json()["detail"], "10,000 blank lines")


def test_a_grid_is_a_batch_for_each_combination_that_differs(client: TestClient, database: Database) -> None:
    grid = {"scheme": ["base", "specreason", "specreason"], "threshold": [5, 7, 5]}
    answer = client.post(
        "/api/grids", json={"name": "aime", "problems": ROWS, "mapping": MAPPING, "grid": grid}
    )
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert [(each["name"], each["scheme"], each["config"]["threshold"]) for each in made["data"]] == [
        ("aime base", "base", 7),
        ("aime specreason threshold=5", "specreason", 5),
        ("aime specreason threshold=7", "specreason", 7),
    ]
    assert {each["metadata"]["grid_id"] for each in made["data"]} == {made["grid_id"]}
    assert scalar(database, "SELECT count(*) FROM job") == 6


def test_an_answer_remarks_on_configurations_that_do_not_do_what_they_seem_to(client: TestClient) -> None:
    asked = {
        "problems": [{"problem": "1 + 1?", "answer": "2"}],
        "config": {"scheme": "base", "threshold": 5},
    }
    (remark,) = client.post("/api/batches", json=asked).json()["remarks"]
    assert names(remark, "threshold", "base")
    plain = client.post("/api/batches", json=asked | {"config": {"scheme": "base"}})
    assert plain.json()["remarks"] == []
    grid = asked | {"config": {}, "grid": {"threshold": [5.2, 6]}}
    (remark,) = client.post("/api/grids", json=grid).json()["remarks"]
    assert names(remark, "5.2", "6", "alike")


@pytest.mark.parametrize(
    ("repeats", "fields", "wrong"),
    [(50, {}, "config.repeats"), (25, {"grid": '{"threshold": [3, 7]}'}, "grid")],
)
def test_more_jobs_than_a_submission_may_have_are_refused(
    client: TestClient, database: Database, repeats: int, fields: dict[str, str], wrong: str
) -> None:
    def send(repeats: int) -> Any:
        form = {"config": json.dumps({"repeats": repeats}), "mapping": json.dumps(MAPPING), **fields}
        path = "/api/grids" if "grid" in fields else "/api/batches"
        return client.post(path, data=form, files={"file": ("p.jsonl", LINES)})

    refused = send(repeats + 1)
    assert (refused.status_code, refused.json()["field"]) == (422, wrong)
    assert names(refused.json()["detail"], 100)
    assert scalar(database, "SELECT count(*) FROM batch") == 0
    assert send(repeats).status_code == 201


def test_a_grid_over_a_file_keeps_the_file_once(client: TestClient, database: Database) -> None:
    form = {"mapping": json.dumps(MAPPING), "grid": json.dumps({"scheme": ["base", "drafter"]})}
    answer = client.post("/api/grids", data=form, files={"file": ("p.jsonl", LINES)})
    assert answer.status_code == 201, answer.text
    assert len({each["file_id"] for each in answer.json()["data"]}) == 1
    assert scalar(database, "SELECT count(*) FROM file") == 1


@pytest.mark.parametrize(
    ("grid", "says"),
    [
        ({"scheme": ["base", "specdecode"]}, "config.scheme"),
        ({"scheme": []}, "grid.scheme"),
        ({"threshold": [10]}, "grid.threshold"),
        ({"treshold": [5]}, "grid.treshold"),
        ({"scheme": ["specreason"], "threshold": [i / 10 for i in range(65)]}, "grid.threshold"),
    ],
)
def test_a_grid_is_stored_as_a_whole_or_not_at_all(
    client: TestClient, database: Database, grid: dict[str, Any], says: str
) -> None:
    answer = client.post("/api/grids", json={"problems": [{"problem": "x"}], "grid": grid})
    assert answer.status_code == 422
    assert says in answer.text
    assert scalar(database, "SELECT count(*) FROM batch") == 0


@pytest.mark.parametrize(
    ("path", "form", "wrong"),
    [
        ("/api/batches", {"pair": "nobody"}, "pair"),
        ("/api/batches", {"config": '{"scheme": "specdecode"}'}, "config.scheme"),
        ("/api/batches", {"priority": "1000"}, "priority"),
        ("/api/grids", {"grid": json.dumps(TOO_MANY)}, "grid"),
        ("/v1/files", {"purpose": "fine-tune"}, "purpose"),
    ],
)
def test_a_form_with_a_wrong_field_is_refused_before_its_file_is_read_or_made_durable(
    client: TestClient,
    monkeypatch: pytest.MonkeyPatch,
    path: str,
    form: dict[str, str],
    wrong: str,
) -> None:
    monkeypatch.setattr(NewContent, "keep", kept_too_early)
    answer = client.post(path, data=form, files={"file": ("p.jsonl", "no JSON")})
    assert answer.status_code == (400 if path.startswith("/v1/") else 422)
    assert wrong in (answer.json().get("field"), answer.json().get("error", {}).get("param"))


@pytest.mark.parametrize(("path", "fields"), UPLOADS)
def test_an_upload_that_was_answered_before_is_not_made_durable_again(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, path: str, fields: dict[str, str]
) -> None:
    def send() -> httpx2.Response:
        form = {**fields, "mapping": json.dumps(MAPPING)} if path == "/api/batches" else fields
        headers = {"Idempotency-Key": "once"}
        return client.post(path, data=form, files={"file": ("p.jsonl", LINES)}, headers=headers)

    first = send()
    monkeypatch.setattr(NewContent, "keep", kept_too_early)
    again = send()
    assert first.is_success
    assert (again.content, again.headers["Idempotent-Replayed"]) == (first.content, "true")


def test_a_submission_is_answered_before_its_jobs_are_announced(
    servers: Servers, database: Database, files_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_api(servers, database, files_dir=files_dir)
    answered = threading.Event()
    was_answered: list[bool] = []

    def look(pair: str) -> list[UUID | None]:
        was_answered.append(answered.wait(30))
        return []

    monkeypatch.setattr(app.state.deployment.doorbell, "waiting", look)
    with serving(app) as url:
        answer = httpx2.post(f"{url}/api/batches", json={"problems": ROWS, "mapping": MAPPING}, timeout=60)
        answered.set()
        wait_for(lambda: bool(was_answered))
    assert answer.status_code == 201
    assert was_answered == [True]
