"""The page that submits a file."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx import Response

from specreason.store.session import Database
from specreason.store.tables.states import Scope
from tests.integration.api.pages.test_door import signed_in, token_in
from tests.integration.api.pages.test_job import words_of
from tests.support.api.guarded import make_key
from tests.support.store.sql import rows_of, scalar

FORM = {"name": "sums", "pair": "demo", "scheme": "specreason", "threshold": "6", "repeats": "2", "once": "a"}


def jsonl(*rows: dict[str, str]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


GOOD = jsonl({"question": "What is 2 + 2?", "answer": "4"}, {"question": "What is 3 + 3?"})
WRONG = jsonl({"question": "What is 2 + 2?"}, {"answer": "<i>5</i>"})


def sent(client: TestClient, content: bytes = GOOD, path: str = "/submit", **fields: Any) -> Response:
    files = {"file": ("problems.jsonl", content)}
    form: dict[str, Any] = FORM | fields
    headers = form.pop("headers", {})
    return client.post(path, data=form, files=files, headers=headers, follow_redirects=False)


def test_a_file_becomes_a_batch_as_the_api_makes_it(client: TestClient) -> None:
    answer = sent(client)
    assert answer.status_code == 303, answer.text
    batch = client.get(f"/api{answer.headers['Location']}").json()
    assert (batch["name"], batch["num_problems"], batch["num_jobs"]) == ("sums", 2, 4)
    assert batch["config"]["threshold"] == 6
    assert batch["file_id"] is not None


def test_a_double_click_makes_one_batch(client: TestClient, database: Database) -> None:
    with ThreadPoolExecutor(2) as clicks:
        first, second = clicks.map(lambda _: sent(client), range(2))
    assert first.headers["Location"] == second.headers["Location"]
    assert scalar(database, "SELECT count(*) FROM batch") == 1
    assert sent(client, repeats="3").headers["Location"] != first.headers["Location"], (
        "changed, it is another one"
    )
    assert scalar(database, "SELECT count(*) FROM file") == 2


def test_a_wrong_row_refuses_the_file_with_the_text_of_its_line(
    client: TestClient, database: Database
) -> None:
    answer = sent(client, WRONG)
    assert answer.status_code == 422
    told = words_of(answer.text)
    assert "line 2: question: is required" in told
    assert '{"answer": "<i>5</i>"}' in told
    assert "<i>5" not in answer.text
    assert 'value="sums"' in answer.text, "what was typed stays"
    assert scalar(database, "SELECT count(*) FROM batch") == 0
    assert sent(client, WRONG, skip_invalid="true").status_code == 303


def test_without_a_file_or_with_a_wrong_option_the_page_says_which(client: TestClient) -> None:
    # As browsers send an input without a file; httpx leaves out an empty name.
    empty = '--x\r\nContent-Disposition: form-data; name="file"; filename=""\r\n\r\n\r\n--x--\r\n'
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    assert "file: is required" in client.post("/submit", content=empty, headers=headers).text
    assert "threshold" in sent(client, threshold="12").text
    assert sent(client, threshold="12").status_code == 422


def test_a_look_at_a_file_shows_columns_rows_and_faults_and_stores_nothing(
    client: TestClient, database: Database
) -> None:
    page = sent(client, WRONG, path="/submit/preview")
    assert page.status_code == 200
    told = words_of(page.text)
    assert "problem column question" in told
    assert "1 row is wrong" in told
    assert 'line 2, question: is required {"answer": "<i>5</i>"}' in told
    assert "there is no estimate of time or cost" in told
    for table in ("batch", "file", "idempotency_key"):
        assert rows_of(database, f"SELECT 1 FROM {table}") == []
    part = sent(client, path="/submit/preview", headers={"HX-Request": "true"})
    assert "<html" not in part.text
    assert 'id="preview"' in part.text


def test_of_the_head_of_a_file_the_number_of_problems_is_estimated(client: TestClient) -> None:
    told = words_of(sent(client, path="/submit/preview", num_bytes=str(50 * len(GOOD))).text)
    assert "about 100 problems" in told


def test_submitting_needs_the_scope_and_a_form_of_ones_own(guarded: FastAPI, database: Database) -> None:
    reader = signed_in(guarded, make_key(database, "ada", [Scope.READ]))
    assert reader.get("/submit").status_code == 403
    ada = signed_in(guarded, make_key(database, "ada"))
    token = token_in(ada.get("/submit").text)
    assert sent(ada).status_code == 403
    assert sent(ada, path="/submit/preview").status_code == 403
    assert sent(reader, csrf=token).status_code == 403
    assert sent(ada, csrf=token).status_code == 303
    assert rows_of(database, "SELECT DISTINCT owner FROM batch") == [("ada",)]


def test_a_file_may_be_as_large_as_the_api_allows(guarded: FastAPI, database: Database) -> None:
    ada = signed_in(guarded, make_key(database, "ada"))
    token = token_in(ada.get("/submit").text)
    answer = sent(ada, GOOD + b" " * 20_000, csrf=token)
    assert answer.status_code == 413
    assert "larger than 10,000 bytes" in words_of(answer.text)
