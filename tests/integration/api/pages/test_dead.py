"""The pages of dead jobs and of workers."""

from __future__ import annotations

import re

from fastapi import FastAPI
from fastapi.testclient import TestClient

from specreason.store.session import Database
from specreason.store.tables.states import Scope
from tests.integration.api.pages.test_door import signed_in, token_in
from tests.integration.api.pages.test_job import words_of
from tests.support.api.guarded import make_key
from tests.support.store.builders import expire, start_worker, submit
from tests.support.store.sql import execute, rows_of, scalar

LOST = "worker 01a22e5a-9cde-77da-acd7-4fcfdbd7647{} ended after {} steps"


def ended(database: Database, *, owner: str, state: str, number: int, error: str, skip: int = 0) -> None:
    """Let so many queued jobs of an owner end in `state`; a number in the error differs."""
    execute(
        database,
        f"UPDATE job SET state = '{state}', finished_at = now(), error = '{error}' WHERE id IN (SELECT job.id"
        f" FROM job JOIN batch ON batch.id = batch_id WHERE owner = '{owner}' AND state = 'queued'"
        f" ORDER BY job.id OFFSET {skip} LIMIT {number})",
    )


def stocked(database: Database) -> None:
    """Two batches of ada's and one of bob's, with jobs that failed or are dead."""
    for owner in ("ada", "ada", "bob"):
        batch_id = submit(database, 4)
        execute(database, f"UPDATE batch SET owner = '{owner}', name = '{owner}' WHERE id = '{batch_id}'")
    ended(database, owner="ada", state="dead", number=3, error=LOST.format(1, 17))
    ended(database, owner="ada", state="dead", number=2, error=LOST.format(2, 8))
    ended(database, owner="ada", state="failed", number=1, error="the prompt is <b>too long</b>")
    ended(database, owner="bob", state="dead", number=2, error=LOST.format(3, 9))


def kinds_in(page: str) -> list[str]:
    return list(dict.fromkeys(re.findall(r"/dead\?kind=([0-9a-f]{32})", page)))


def test_errors_that_differ_in_numbers_are_one_kind(guarded: FastAPI, database: Database) -> None:
    stocked(database)
    page = signed_in(guarded, make_key(database, "ada")).get("/dead").text
    assert len(kinds_in(page)) == 2
    told = words_of(page)
    assert re.search(r"ended after \d+ steps 0 5 2 ", told), "none failed, five are dead, in two batches"
    assert "the prompt is <b>too long</b> 1 0 1 " in told
    assert "<b>too long" not in page


def test_all_jobs_of_one_kind_are_queued_again_and_no_job_of_another_owner(
    guarded: FastAPI, database: Database
) -> None:
    stocked(database)
    browser = signed_in(guarded, make_key(database, "ada"))
    page = browser.get("/dead").text
    kind, token = kinds_in(page)[0], token_in(page)
    assert browser.post("/dead", data={"kind": kind, "csrf": ""}).status_code == 403
    answer = browser.post("/dead", data={"kind": kind, "csrf": token, "back": kind})
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/dead?kind={kind}&queued=5")
    assert "5 jobs are queued again" in words_of(browser.get(answer.headers["Location"]).text)
    left = rows_of(
        database,
        "SELECT owner, state, count(*) FROM job JOIN batch ON batch.id = batch_id WHERE state IN ('dead', 'failed')"
        " GROUP BY 1, 2 ORDER BY 1",
    )
    assert [tuple(row) for row in left] == [("ada", "failed", 1), ("bob", "dead", 2)]


def test_one_job_is_queued_again_by_who_may_control(guarded: FastAPI, database: Database) -> None:
    stocked(database)
    reader = signed_in(guarded, make_key(database, "ada", [Scope.READ]))
    page = reader.get("/dead").text
    assert "Queue" not in page.replace("Queued again", "")
    job_id = scalar(database, "SELECT id FROM job WHERE state = 'failed'")
    form = {"job": str(job_id), "csrf": token_in(page)}
    assert reader.post("/dead", data=form).status_code == 403
    for owner, status in (("bob", 404), ("ada", 303)):
        browser = signed_in(guarded, make_key(database, owner))
        form["csrf"] = token_in(browser.get("/dead").text)
        assert browser.post("/dead", data=form).status_code == status
    assert scalar(database, f"SELECT state FROM job WHERE id = '{job_id}'") == "queued"


def test_dead_jobs_come_in_pages(client: TestClient, database: Database) -> None:
    submit(database, 60)
    execute(database, "UPDATE batch SET owner = 'ada'")
    ended(database, owner="ada", state="dead", number=60, error="no memory")
    first = client.get("/dead").text
    link = re.search(r'rel="next" href="([^"#]+)', first)
    assert link is not None
    found = re.findall(r'href="/jobs/([^"]+)"', first + client.get(link[1].replace("&amp;", "&")).text)
    assert len(found) == len(set(found)) == 60


def test_workers_are_alive_or_gone(client: TestClient, database: Database) -> None:
    assert "specreason worker" in client.get("/workers").text
    start_worker(database)
    expire(database, start_worker(database))
    told = words_of(client.get("/workers").text)
    assert "1 worker is alive with 16 slots" in told
    assert " alive 0 of 16 scripted " in told
    assert " lost – scripted " in told
    part = client.get("/workers", headers={"HX-Request": "true"}).text
    assert "<html" not in part
    assert 'id="workers"' in part
