"""Who may see the page of a batch, and who may act on it."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from fastapi import FastAPI

from specreason.store.session import Database
from specreason.store.tables.states import Scope
from tests.integration.api.pages.test_door import LOCAL, signed_in, token_in
from tests.support.api.guarded import PROBLEMS, client_of, make_key
from tests.support.store.sql import rows_of

PARTS = ("", "/head", "/sums", "/figures", "/judge", "/beside", "?find=2", "?figures=1")
ACTIONS: dict[str, dict[str, Any]] = {
    "pause": {},
    "resume": {},
    "cancel": {},
    "requeue": {"states": "failed"},
    "priority": {"priority": "3"},
}


def submitted(guarded: FastAPI, database: Database, owner: str) -> UUID:
    client = client_of(guarded, make_key(database, owner))
    answer = client.post("/api/batches", json={"problems": PROBLEMS, "name": f"of {owner}"})
    return UUID(answer.json()["batch_id"])


def test_nothing_of_another_owners_batch_is_shown_or_changed(guarded: FastAPI, database: Database) -> None:
    hers, his = (submitted(guarded, database, owner) for owner in ("ada", "bob"))
    browser = signed_in(guarded, make_key(database, "bob"))
    token = token_in(browser.get(f"/batches/{his}").text)
    before = rows_of(database, "SELECT id, state, paused, priority FROM job ORDER BY id")
    for part in PARTS:
        assert browser.get(f"/batches/{his}{part}").status_code == 200, part
        theirs, none = (browser.get(f"/batches/{each}{part}") for each in (hers, uuid4()))
        assert theirs.status_code == none.status_code == 404, part
        assert "of ada" not in theirs.text
    compared = browser.get(f"/batches/{his}", params={"against": str(hers)})
    assert (compared.status_code, "of ada" in compared.text) == (404, False)
    for action, form in ACTIONS.items():
        answer = browser.post(
            f"/batches/{hers}/{action}", data=form | {"csrf": token}, headers={"Origin": LOCAL}
        )
        assert answer.status_code == 404, action
    assert rows_of(database, "SELECT id, state, paused, priority FROM job ORDER BY id") == before


def test_actions_are_for_callers_with_the_scope_and_from_our_own_page(
    guarded: FastAPI, database: Database
) -> None:
    batch_id = submitted(guarded, database, "ada")
    owner = signed_in(guarded, make_key(database, "ada"))
    reader = signed_in(guarded, make_key(database, "ada", [Scope.READ]))
    assert f'action="/batches/{batch_id}/pause"' in owner.get(f"/batches/{batch_id}").text
    seen = reader.get(f"/batches/{batch_id}").text
    assert f'action="/batches/{batch_id}/' not in seen
    for action, form in ACTIONS.items():
        path = f"/batches/{batch_id}/{action}"
        assert owner.post(path, data=form).status_code == 403, action
        elsewhere = form | {"csrf": token_in(owner.get("/").text)}
        assert owner.post(path, data=elsewhere, headers={"Origin": "https://evil.example"}).status_code == 403
        mine = form | {"csrf": token_in(seen)}
        assert reader.post(path, data=mine, headers={"Origin": LOCAL}).status_code == 403, action
    assert rows_of(database, "SELECT DISTINCT state, paused, priority FROM job") == [("queued", False, 0)]
