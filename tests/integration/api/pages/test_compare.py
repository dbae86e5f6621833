"""The pages that compare two batches, and two traces."""

from __future__ import annotations

import re
from html import unescape
from uuid import UUID, uuid4

import pytest
from fastapi.testclient import TestClient

from specreason.store.session import Database
from tests.integration.api.pages.test_job import words_of
from tests.support.store.builders import submit
from tests.support.store.known import Known, build
from tests.support.store.sql import execute, rows_of


@pytest.fixture
def known(database: Database) -> Known:
    return build(database)


def both(known: Known) -> dict[str, str]:
    return {"a": str(known.base), "b": str(known.specreason)}


def test_two_batches_are_picked_by_name(client: TestClient, known: Known) -> None:
    page = client.get("/compare").text
    assert page.count(f'<option value="{known.base}"') == 2
    assert "specreason · specreason · 4 problems" in page
    narrowed = client.get("/compare", params={"a": str(known.base), "b": "", "name": "nothing"}).text
    assert f'<option value="{known.base}" selected' in narrowed, "what is picked stays in the list"
    assert str(known.specreason) not in narrowed


def test_a_comparison_says_what_the_api_says(client: TestClient, known: Known) -> None:
    told = words_of(client.get("/compare", params=both(known)).text)
    for sentence in client.get("/api/compare", params=both(known)).json()["says"]:
        assert " ".join(sentence.split()) in told
    counts = client.get("/api/compare", params=both(known)).json()["outcomes"]
    for outcome in ("won", "tied", "lost"):
        assert re.search(rf"{outcome} [a-zA-Z ]+ {counts[f'num_{outcome}']} ", told)


def test_problems_come_by_outcome_with_links_to_their_traces(client: TestClient, known: Known) -> None:
    page = client.get("/compare", params=both(known)).text
    links = re.findall(r'href="(/compare/traces\?[^"]+)"', page)
    pairs = client.get("/api/compare/problems", params=both(known)).json()["data"]
    assert len(links) == len(pairs)
    for outcome in ("won", "lost", "tied"):
        shown = client.get("/compare", params=both(known) | {"outcome": outcome}).text
        assert shown.count("side by side</a>") == sum(pair["outcome"] == outcome for pair in pairs)
    later = client.get("/compare", params=both(known) | {"after": pairs[2]["job_a"]}).text
    assert later.count("side by side</a>") < len(links)
    assert "From the first problem" in later


def test_batches_without_a_common_problem_are_refused_in_words(
    client: TestClient, database: Database
) -> None:
    a, b = submit(database), submit(database)
    execute(database, f"UPDATE problem SET text = 'other' WHERE batch_id = '{b}'")
    answer = client.get("/compare", params={"a": str(a), "b": str(b)})
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert 'name="a"' in answer.text, "the lists stay"
    assert client.get("/compare", params={"a": str(a), "b": str(uuid4())}).status_code == 404


def test_two_traces_stand_side_by_side_where_they_part(client: TestClient, known: Known) -> None:
    page = client.get("/compare", params=both(known)).text
    link = unescape(re.findall(r'href="(/compare/traces\?[^"]+)"', page)[0])
    found = client.get(link.replace("/compare", "/api/compare")).json()
    told = client.get(link).text
    assert found["index"] is not None
    assert f"Step {found['index']}: here they part" in told
    assert f'id="step-{found["index"]}"' in told
    assert "<b>drafter</b>" in told


def test_long_traces_come_in_pages_that_start_before_the_parting(
    client: TestClient, database: Database
) -> None:
    a, b = traces(database, parts_at=30, num_steps=60)
    asked = {"a": str(a), "b": str(b)}
    page = client.get("/compare/traces", params=asked).text
    assert steps_in(page) == list(range(27, 47))
    assert page.count("the same text") == 3
    assert "<mark>other</mark>" in page
    later = re.search(r'rel="next" href="([^"]+)"', page)
    assert later is not None
    assert steps_in(client.get(unescape(later[1])).text) == list(range(47, 60))
    earlier = re.search(r'rel="prev" href="([^"]+)"', page)
    assert earlier is not None
    assert steps_in(client.get(unescape(earlier[1])).text)[0] == 7


def steps_in(page: str) -> list[int]:
    return [int(index) for index in re.findall(r'id="step-(\d+)"', page)]


def traces(database: Database, *, parts_at: int, num_steps: int) -> tuple[UUID, UUID]:
    """Two jobs of one problem whose texts are the same up to a step."""
    from tests.support.api.long_traces import long_job

    jobs = long_job(database, num_steps), long_job(database, num_steps)
    for job_id, word in zip(jobs, ("one", "other"), strict=True):
        text = f"CASE WHEN index < {parts_at} THEN 'the same' ELSE 'now it is the {word} way at step ' || index END"
        execute(database, f"UPDATE step_payload SET kept_text = {text} WHERE job_id = '{job_id}'")
    assert len(rows_of(database, "SELECT 1 FROM step")) >= 2 * num_steps
    return jobs
