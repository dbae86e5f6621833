"""The page of a job: what it shows, in which pages, and what it sends while the job runs."""

from __future__ import annotations

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from html import unescape
from uuid import UUID, uuid4

from fastapi import FastAPI
from fastapi.testclient import TestClient

from specreason.reasoning.steps import StopReason
from specreason.store.access.visibility import Viewer
from specreason.store.queue.jobs import JobResult, finish
from specreason.store.read.grades import read_grades
from specreason.store.read.neighbours import read_neighbours
from specreason.store.session import Database
from specreason.store.tables.states import JobState
from specreason.store.trace.writer import TraceWriter
from tests.support.api.guarded import client_of, make_key
from tests.support.api.long_traces import eventful_job, long_job, running_job
from tests.support.api.owned import NAME, Owned
from tests.support.store.builders import (
    accepted,
    append_all,
    claimed,
    job_ids,
    rejected,
    start_worker,
    submit,
)
from tests.support.store.known import Known, build
from tests.support.store.sql import scalar
from tests.support.store.traces import ended_batch


def steps_in(page: str) -> list[int]:
    return [int(index) for index in re.findall(r'id="step-(\d+)"', page)]


def words_of(page: str) -> str:
    """The text of a page, with single spaces."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split())


def batch_of(database: Database, job_id: UUID) -> UUID:
    found = scalar(database, f"SELECT batch_id FROM job WHERE id = '{job_id}'")
    assert isinstance(found, UUID)
    return found


def test_a_job_shows_its_question_result_grades_and_attempts(client: TestClient, database: Database) -> None:
    page = client.get(f"/jobs/{eventful_job(database)}")
    assert page.status_code == 200
    told = words_of(page.text)
    assert "You are a careful geometer." in told
    assert "Answer 21 Expected 21.0 Grade ✓ right specreason 2" in told
    assert "the token budget was used up" in told
    first, second = told.index("number: both are 21"), told.index("text: 21 is not 21.0")
    assert first < second, "the newest grade stands first"
    assert "its worker was lost" in told
    assert "Attempt 1 ended: its worker was lost. Attempt 2 goes on with step 14" in told


def test_the_mark_of_a_crash_stands_between_the_steps(client: TestClient, database: Database) -> None:
    page = client.get(f"/jobs/{eventful_job(database)}").text
    before, mark, after = (page.index(each) for each in ('id="step-13"', "resumed crash", 'id="step-14"'))
    assert before < mark < after


def test_a_rejected_draft_is_struck_out_beside_the_text_of_the_base(
    client: TestClient, database: Database
) -> None:
    page = client.get(f"/jobs/{eventful_job(database)}").text
    one = next(step for step in re.findall(r"<article.*?</article>", page, re.DOTALL) if "rejected" in step)
    assert "<del>" in one
    draft, base = one.split("<h4>base</h4>")
    assert "<mark>" in draft
    assert "<mark>" in base
    assert 'class="strip"' in one
    assert re.search(r'aria-label="Verdict: score \d\. Probabilities: ', one)


def test_texts_of_models_are_never_markup(client: TestClient, database: Database) -> None:
    page = client.get(f"/jobs/{eventful_job(database)}").text
    assert "&lt;b&gt;the picture&lt;/b&gt;" in page
    assert "<b>the picture" not in page
    assert "triangles &lt;7&gt;" in page


def test_a_long_trace_comes_in_pages_that_are_small(client: TestClient, database: Database) -> None:
    job_id = long_job(database, 230)
    first = client.get(f"/jobs/{job_id}")
    assert steps_in(first.text) == list(range(100))
    assert len(first.content) <= 300_000
    link = re.search(r'<a rel="next" href="([^"]+)#steps" hx-get="([^"]+)"', first.text)
    assert link is not None
    whole, part = (client.get(unescape(each)).text for each in link.groups())
    assert steps_in(whole) == steps_in(part) == list(range(100, 200))
    assert "<html" not in part
    last = client.get(f"/jobs/{job_id}", params={"after": 199}).text
    assert steps_in(last) == list(range(200, 230))
    assert 'rel="next" href="/jobs' not in last[last.index('id="steps"') :]
    assert f'href="/jobs/{job_id}?after=99#steps"' in last


def test_a_link_to_a_step_leads_to_the_page_that_has_it(client: TestClient, database: Database) -> None:
    job_id = long_job(database, 130)
    page = client.get(f"/jobs/{job_id}", params={"step": 120}).text
    assert steps_in(page) == list(range(100, 130))
    assert f'href="/jobs/{job_id}?step=120#step-120"' in page


async def test_a_text_that_is_cut_is_whole_on_the_page_of_its_step(
    client: TestClient, database: Database, writer: TraceWriter
) -> None:
    job_id = job_ids(database, submit(database))[0]
    text = "a long thought " * 20_000
    await append_all(
        writer, claimed(database, job_id, start_worker(database)), accepted(0, text), rejected(1)
    )
    page = client.get(f"/jobs/{job_id}").text
    assert len(page) < 300_000
    assert re.search(r'href="/jobs/[^"]+/steps/0">[\d,]+ more characters', page)
    assert text.strip() in client.get(f"/jobs/{job_id}/steps/0").text
    assert client.get(f"/jobs/{job_id}/steps/2").status_code == 404
    assert client.get(f"/jobs/{job_id}/steps/{2**40}").status_code == 404


def test_a_running_job_is_followed_until_it_has_ended(client: TestClient, database: Database) -> None:
    job, writer = running_job(database, 3)
    page = client.get(f"/jobs/{job.job_id}").text
    assert 'hx-trigger="every 2s"' in page
    found = re.search(r'hx-get="(/jobs/[^"]+shown=2)"', page)
    assert found is not None
    tail = unescape(found[1])
    assert client.get(tail).status_code == 204
    asyncio.run(append_all(writer, replace(job, first_step=3), accepted(3)))
    news = client.get(tail).text
    assert steps_in(news) == [3]
    assert "shown=3" in news
    assert 'hx-swap-oob="true"' in news
    writer.close()
    assert finish(database, job, JobResult(state=JobState.SUCCEEDED, stop_reason=StopReason.ANSWERED))
    end = client.get(unescape(re.findall(r'hx-get="(/jobs/[^"]+shown=3)"', news)[0])).text
    assert "every" not in end
    assert "Succeeded: answered." in words_of(end)
    assert "hx-get" not in client.get(f"/jobs/{job.job_id}/head").text


def test_every_part_that_htmx_loads_carries_the_nonce(client: TestClient, database: Database) -> None:
    job, writer = running_job(database, 120)
    writer.close()
    for path in ("", "?after=99", "/head", "/steps", "/steps?after=99&shown=110"):
        answer = client.get(f"/jobs/{job.job_id}{path}")
        nonce = re.search(r"'nonce-([^']+)'", answer.headers["Content-Security-Policy"])
        assert nonce is not None
        tags = re.findall(r"<[a-z][^>]*\shx-(?:get|swap-oob)=[^>]*>", answer.text)
        assert tags, path
        assert all(f'hx-nonce="{nonce[1]}"' in tag for tag in tags)
        assert not re.search(r"<script(?![^>]*\bsrc=)|\son\w+=|<style|\sstyle=", answer.text)


def test_a_job_knows_its_neighbours_and_its_place(client: TestClient, database: Database) -> None:
    job_id = eventful_job(database)
    batch_id = batch_of(database, job_id)
    before, _, behind = job_ids(database, batch_id)
    place = read_neighbours(database, Viewer.EVERYONE, job_id)
    assert (place.before, place.behind, place.config["threshold"]) == (before, behind, 7.0)
    assert read_neighbours(database, Viewer.EVERYONE, before).before is None
    page = client.get(f"/jobs/{job_id}").text
    assert f'rel="prev" href="/jobs/{before}"' in page
    assert f'rel="next" href="/jobs/{behind}"' in page
    link = client.get(f"/batches/{batch_id}/jobs/1/0", follow_redirects=False)
    assert (link.status_code, link.headers["Location"]) == (303, f"/jobs/{job_id}")
    for elsewhere in (f"{batch_id}/jobs/9/0", f"{batch_id}/jobs/1/{2**40}", f"{uuid4()}/jobs/0/0"):
        assert client.get(f"/batches/{elsewhere}").status_code == 404


async def test_jobs_that_ended_in_any_way_have_a_page(client: TestClient, database: Database) -> None:
    batch_id = await ended_batch(database)
    known = build_in_thread(database)
    for job_id in (
        *job_ids(database, batch_id),
        *job_ids(database, known.base),
        *job_ids(database, known.specreason),
    ):
        page = client.get(f"/jobs/{job_id}")
        assert page.status_code == 200
        assert "\x1b" not in page.text
        for index in steps_in(page.text):
            assert client.get(f"/jobs/{job_id}/steps/{index}").status_code == 200


def build_in_thread(database: Database) -> Known:
    """The known store; it has an event loop of its own."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(build, database).result()


def test_grades_come_newest_first(database: Database) -> None:
    job_id = eventful_job(database)
    assert [grade.is_correct for grade in read_grades(database, Viewer.EVERYONE, job_id)] == [True, False]
    assert len(read_grades(database, Viewer.EVERYONE, job_id, limit=1)) == 1


def test_a_job_without_steps_says_so(client: TestClient, database: Database) -> None:
    job_id = job_ids(database, submit(database))[0]
    assert "No step yet: the job waits for a worker." in words_of(client.get(f"/jobs/{job_id}").text)
    client.post(f"/api/jobs/{job_id}/cancel")
    assert "No step is stored." in words_of(client.get(f"/jobs/{job_id}").text)


async def test_nothing_of_a_job_is_shown_to_another_owner(database: Database, guarded: FastAPI) -> None:
    with TestClient(guarded):
        ada = Owned(guarded, database)
        bob = client_of(guarded, make_key(database, "bob"))
        job_id = job_ids(database, UUID(ada.batch_id))[0]
        job = claimed(database, job_id, start_worker(database))
        await append_all(TraceWriter(database), job, accepted(0, f"{NAME} thinks.\n\n"))
        for path in (
            f"/jobs/{job_id}",
            f"/jobs/{job_id}?step=0",
            f"/jobs/{job_id}/head",
            f"/jobs/{job_id}/steps",
            f"/jobs/{job_id}/steps?shown=-1",
            f"/jobs/{job_id}/steps/0",
            f"/batches/{ada.batch_id}/jobs/0/0",
        ):
            hers, his = ada.client.get(path), bob.get(path)
            assert hers.status_code == 200, path
            assert his.status_code == 404, path
            assert NAME not in his.text
        assert f"{NAME} thinks." in ada.client.get(f"/jobs/{job_id}").text


def test_a_look_that_fails_leaves_the_page_as_it_is_and_is_repeated(
    client: TestClient, database: Database
) -> None:
    """htmx puts the page of an error in the place of what asked, which then asks no more, unless that is said."""
    job, writer = running_job(database, 2)
    writer.close()
    page = client.get(f"/jobs/{job.job_id}").text
    asking = re.findall(r"<[^>]*\shx-get=[^>]*>", page)
    assert len(asking) >= 2
    assert [tag for tag in asking if 'hx-status:4xx="swap:none" hx-status:5xx="swap:none"' not in tag] == []
