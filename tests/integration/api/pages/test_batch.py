"""The page of a batch as the server sends it: what it says, finds and does, without a script."""

from __future__ import annotations

import re
from html import unescape
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from api.pages import batches
from api.pages.batch import jobs, page, sections
from specreason.store.access.visibility import Viewer
from specreason.store.queue.jobs import JobResult, finish
from specreason.store.read.summaries import read_batch
from specreason.store.session import Database
from specreason.store.tables.states import JobState
from tests.support.store.builders import claimed, job_ids, start_worker, submit
from tests.support.store.known import build
from tests.support.store.sql import execute

MARKUP = "<script>alert(1)</script>"


def text_of(html: str) -> str:
    """What a reader sees, on one line."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", html)).split())


def get(client: TestClient, path: str, **query: Any) -> str:
    answer = client.get(path, params=query or None)
    assert answer.status_code == 200, answer.text
    return answer.text


def shown_jobs(html: str) -> list[UUID]:
    return [UUID(found) for found in re.findall(r'<td class="problem"><a href="/jobs/([0-9a-f-]{36})"', html)]


def test_the_page_says_how_far_the_batch_is_and_what_it_found(client: TestClient, database: Database) -> None:
    known = build(database)
    said = text_of(get(client, f"/batches/{known.specreason}"))
    for part in (
        "Ended : 8 of 8 jobs ended",
        "8 succeeded",
        "answered 6, the token budget was used up 2.",
        "75.0 % 6 of 8 graded",
        "56.2 % 9 of 16",
        "drafts that were kept",
        "In the order of submission.",
    ):
        assert part in said
    assert "nothing was drafted" in text_of(get(client, f"/batches/{known.base}"))
    assert client.get(f"/batches/{UUID(int=1)}").status_code == 404


def test_what_takes_long_is_loaded_later_or_by_a_link(client: TestClient, database: Database) -> None:
    known = build(database)
    path = f"/batches/{known.specreason}"
    first = get(client, path)
    assert "above it, points" not in first
    for part in ("figures", "judge", "beside"):
        assert f'hx-get="{path}/{part}"' in first
    assert f'href="{path}?figures=1#figures"' in first
    by_link = text_of(get(client, path, figures="1"))
    for part, says in (("figures", "margin above it, points"), ("judge", "What a score is worth")):
        assert says in text_of(get(client, f"{path}/{part}"))
        assert says in by_link
    assert "There is nothing to judge" in text_of(get(client, f"/batches/{known.base}/judge"))


def test_a_batch_is_compared_with_the_base_that_was_chosen(client: TestClient, database: Database) -> None:
    known = build(database)
    path = f"/batches/{known.specreason}"
    assert f'<option value="{known.base}">' in get(client, path)
    chosen = get(client, path, against=str(known.base))
    assert f'<option value="{known.base}" selected>' in chosen
    for html in (chosen, get(client, f"{path}/beside")):
        assert "Speedup" in text_of(html)
        assert "GPU-seconds per right answer" in text_of(html)
    other = submit(database, 1)
    assert "no problem in common" in text_of(get(client, path, against=str(other)))
    assert "Against the base alone" not in text_of(get(client, f"/batches/{known.base}"))
    assert client.get(path, params={"against": str(UUID(int=1))}).status_code == 404


def test_the_head_of_a_batch_is_asked_for_again_until_all_jobs_have_ended(
    client: TestClient, database: Database
) -> None:
    batch_id = submit(database, 3)
    path, worker_id = f"/batches/{batch_id}/head", start_worker(database)
    assert "Waiting for a worker" in text_of(get(client, path))
    for number, job_id in enumerate(job_ids(database, batch_id)):
        job = claimed(database, job_id, worker_id)
        head = get(client, path)
        assert f'hx-get="{path}"' in head
        assert f"{number} of 3 jobs ended" in text_of(head)
        assert ("left" in text_of(head)) is (number > 0)
        finish(database, job, JobResult(state=JobState.SUCCEEDED, answer="4"))
    ended = get(client, path)
    assert "hx-get" not in ended
    assert "Ended : 3 of 3 jobs ended" in text_of(ended)


def test_sums_over_very_many_jobs_come_after_the_first_paint(
    client: TestClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = build(database)
    monkeypatch.setattr(page, "MOST_JOBS_AT_ONCE", 7)
    path = f"/batches/{known.specreason}"
    first = get(client, path)
    assert f'hx-get="{path}/sums" hx-trigger="load"' in first
    assert "75.0 %" not in first
    assert "75.0 %" in get(client, f"{path}/sums")
    assert sections.MOST_JOBS_AT_ONCE > 7


def test_filters_stand_in_the_url_and_empty_fields_filter_nothing(
    client: TestClient, database: Database
) -> None:
    known = build(database)
    path, ids = f"/batches/{known.specreason}", job_ids(database, known.specreason)
    empty = dict.fromkeys(jobs.FILTERS, "")
    assert shown_jobs(get(client, path, **empty)) == list(ids)
    found = get(client, path, **empty | {"stop_reason": "token_budget", "is_correct": "false"})
    assert shown_jobs(found) == [ids[6]]
    assert 'name="stop_reason" value="token_budget" checked' in found
    nothing = text_of(get(client, path, problem_id="p1", min_acceptance="0.9"))
    assert "No job passes these filters." in nothing
    assert client.get(path, params={"min_tokens": 5, "max_tokens": 4}).status_code == 422


def test_pages_of_jobs_follow_each_other_and_keep_the_filters(
    client: TestClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "PAGE", 2)
    batch_id = submit(database, 5)
    seen, url = list[UUID](), f"/batches/{batch_id}?state=queued&error="
    for _ in range(3):
        html = get(client, url)
        seen += shown_jobs(html)
        following = re.search(r'rel="next" href="([^"]*)#jobs"', html)
        url = "" if following is None else unescape(following[1])
        assert following is None or "state=queued" in url
    assert (seen, url) == (list(job_ids(database, batch_id)), "")


def test_a_search_leads_to_the_step(client: TestClient, database: Database) -> None:
    known = build(database)
    html = get(client, f"/batches/{known.specreason}", find='"I guess 1"')
    first = job_ids(database, known.specreason)[0]
    assert f'href="/jobs/{first}?step=1#step-1"' in html
    assert "<mark>I guess 1</mark>" in html
    assert "No step says this." in get(client, f"/batches/{known.specreason}", find="nowhere")
    assert 'role="alert"' in get(client, f"/batches/{known.specreason}", find="-only")


def test_errors_that_differ_in_numbers_only_are_one_line_that_finds_their_jobs(
    client: TestClient, database: Database
) -> None:
    batch_id = submit(database, 4)
    ids, worker_id = job_ids(database, batch_id), start_worker(database)
    for job_id, error in zip(
        ids, ("a prompt of 500 tokens", "a prompt of 7 tokens", MARKUP, "a prompt of 9 tokens"), strict=True
    ):
        finish(database, claimed(database, job_id, worker_id), JobResult(state=JobState.FAILED, error=error))
    html = get(client, f"/batches/{batch_id}")
    link = re.search(r'href="([^"]*)#jobs" aria-label="3 jobs with this error"', html)
    assert link is not None
    assert shown_jobs(get(client, unescape(link[1]))) == [ids[0], ids[1], ids[3]]


def test_no_text_of_a_user_or_model_is_markup(client: TestClient, database: Database) -> None:
    known = build(database)
    execute(database, f"UPDATE batch SET name = '{MARKUP}', metadata = '{{\"{MARKUP}\": \"{MARKUP}\"}}'")
    execute(database, f"UPDATE problem SET text = '{MARKUP}', problem_id = '{MARKUP}'")
    execute(database, f"UPDATE job SET answer = '{MARKUP}', error = '{MARKUP}'")
    execute(database, f"UPDATE step_payload SET kept_text = '{MARKUP}'")
    path = f"/batches/{known.specreason}"
    query = {
        "figures": "1",
        "against": str(known.base),
        "find": "alert",
        "error": MARKUP,
        "problem_id": MARKUP,
    }
    whole = get(client, path, **query)
    parts = [get(client, f"{path}/{part}") for part in ("head", "sums", "figures", "judge", "beside")]
    for html in (whole, *parts):
        assert MARKUP not in html
    assert whole.count("&lt;script&gt;") > 20


def test_each_action_leads_back_to_the_page_which_says_what_it_did(
    client: TestClient, database: Database
) -> None:
    batch_id = submit(database, 3)
    running, *_ = job_ids(database, batch_id)
    finish(
        database,
        claimed(database, running, start_worker(database)),
        JobResult(state=JobState.FAILED, error="no"),
    )

    def act(action: str, **form: Any) -> str:
        answer = client.post(f"/batches/{batch_id}/{action}", data=form, follow_redirects=False)
        assert answer.status_code == 303, answer.text
        told = re.search(r'class="told" role="status">([^<]*)<', get(client, answer.headers["Location"]))
        assert told is not None
        return told[1]

    assert act("pause").startswith("Paused")
    assert act("pause") == "Already paused."
    assert "Paused" in text_of(get(client, f"/batches/{batch_id}/head"))
    assert act("resume").startswith("Resumed")
    assert act("priority", priority="5") == "Priority changed for 2 jobs that have not ended."
    assert act("requeue", states=["failed", "dead"]) == "1 job queued again."
    assert act("requeue", states="failed") == "No job ended in one of these states."
    assert act("cancel") == "3 jobs cancelled."
    summary = read_batch(database, Viewer.EVERYONE, batch_id)
    assert (summary.num_cancelled, summary.priority) == (3, 5)
    assert client.post(f"/batches/{batch_id}/priority", data={"priority": "101"}).status_code == 422
    assert client.post(f"/batches/{batch_id}/requeue", data={"states": "succeeded"}).status_code == 422


def test_while_others_read_a_part_asks_again_and_the_whole_page_is_refused(
    app: FastAPI, client: TestClient, database: Database
) -> None:
    known = build(database)
    path, open_ones = f"/batches/{known.specreason}", app.state.deployment.judgements
    open_ones.open_one(None)
    open_ones.open_one(None)
    assert f'hx-get="{path}/judge" hx-trigger="load delay:' in get(client, f"{path}/judge")
    assert client.get(path, params={"figures": "1"}).status_code == 429
    assert "Figures" in get(client, path)
    open_ones.close_one(None)
    assert "What a score is worth" in get(client, f"{path}/judge")
    assert open_ones.num_open.total() == 1


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
