"""The list of batches: filters, actions, and what htmx gets of it."""

from __future__ import annotations

import re

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from api.pages import batches
from specreason.store.session import Database
from specreason.store.tables.states import Scope
from tests.integration.api.pages.test_batch import get, text_of
from tests.integration.api.pages.test_door import LOCAL, signed_in, token_in
from tests.integration.api.pages.test_job import words_of
from tests.support.api.guarded import PROBLEMS, client_of, make_key
from tests.support.store.builders import submit
from tests.support.store.known import build
from tests.support.store.sql import execute, scalar


def test_the_first_visit_says_what_to_do(client: TestClient) -> None:
    told = words_of(client.get("/").text)
    assert "Submit a file of problems" in told
    assert "specreason demo" in told
    assert "Nothing was submitted yet" not in words_of(client.get("/?name=none").text)


def test_filters_stand_in_the_url_and_in_the_form(client: TestClient, database: Database) -> None:
    for name, pair, of_eval in (("one", "a", "math"), ("two", "b", "math"), ("three", "b", "other")):
        batch_id = submit(database)
        metadata = f'{{"eval": "{of_eval}"}}'
        execute(
            database,
            f"UPDATE batch SET name = '{name}', pair = '{pair}', metadata = '{metadata}' WHERE id = '{batch_id}'",
        )
    page = client.get("/", params={"eval": "math", "pair": "b"}).text
    assert re.findall(r'href="/batches/[^"]+">(\w+)', page) == ["two"]
    assert "<option selected>b</option>" in page
    assert re.findall(r'href="/batches/[^"]+">(\w+)', client.get("/?name=&open=&pair=&eval=").text) == [
        "three",
        "two",
        "one",
    ]


def test_while_something_runs_the_list_asks_for_itself_and_gets_no_whole_page(
    client: TestClient, database: Database
) -> None:
    submit(database)
    page = client.get("/?name=sums").text
    assert 'hx-get="/?name=sums"' in page
    part = client.get("/?name=sums", headers={"HX-Request": "true"}).text
    assert "<html" not in part
    assert 'id="list"' in part
    execute(database, "UPDATE job SET state = 'cancelled', finished_at = now()")
    assert "hx-get" not in client.get("/?name=sums", headers={"HX-Request": "true"}).text


def test_a_batch_is_paused_resumed_and_cancelled_from_the_list(guarded: FastAPI, database: Database) -> None:
    ada = make_key(database, "ada")
    created = client_of(guarded, ada).post("/api/batches", json={"problems": PROBLEMS}).json()
    browser = signed_in(guarded, ada)
    form = {"csrf": token_in(browser.get("/").text), "batch": created["batch_id"], "back": "/?open=true"}
    assert browser.post("/", data=form | {"act": "pause", "csrf": ""}).status_code == 403
    answer = browser.post("/", data=form | {"act": "pause"})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/?open=true")
    assert "(paused)" in browser.get("/").text
    browser.post("/", data=form | {"act": "resume"})
    assert "(paused)" not in browser.get("/").text
    elsewhere = browser.post("/", data=form | {"act": "cancel", "back": "https://evil.example"})
    assert elsewhere.headers["Location"] == "/"
    assert scalar(database, "SELECT count(*) FROM job WHERE state = 'cancelled'") == len(PROBLEMS)


def test_a_reader_has_no_actions_and_nobody_acts_on_batches_of_others(
    guarded: FastAPI, database: Database
) -> None:
    ada = make_key(database, "ada")
    created = client_of(guarded, ada).post("/api/batches", json={"problems": PROBLEMS}).json()
    reader = signed_in(guarded, make_key(database, "ada", [Scope.READ]))
    page = reader.get("/").text
    assert 'name="act"' not in page
    form = {"csrf": token_in(page), "batch": created["batch_id"], "act": "cancel"}
    assert reader.post("/", data=form, headers={"Origin": LOCAL}).status_code == 403
    bob = signed_in(guarded, make_key(database, "bob"))
    assert bob.post("/", data=form | {"csrf": token_in(bob.get("/").text)}).status_code == 404


def test_the_list_of_batches_shows_counts_at_once_and_sums_where_they_cost_little(
    client: TestClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(database)
    assert "0.75" in text_of(get(client, "/"))
    monkeypatch.setattr(batches, "MOST_JOBS_AT_ONCE", 11)
    first = get(client, "/", name="s")
    assert "0.75" not in first
    assert 'hx-get="/?name=s&amp;figures=true"' in first
    assert "8 succeeded" in text_of(first)
    assert "0.75" in text_of(get(client, "/", figures="true"))
