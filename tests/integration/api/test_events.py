"""Attempts, filters, priority, and streams of events over HTTP."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest
from fastapi.testclient import TestClient
from uuid_utils.compat import uuid7

from api.door.authenticator import KNOWN_S
from api.streams import MOST_OF_OWNER
from specreason.embedded import Servers
from specreason.store.access.keys import revoke_key
from specreason.store.access.visibility import Viewer
from specreason.store.queue import controls
from specreason.store.queue.dispatch import expire_leases, take_unannounced
from specreason.store.queue.jobs import JobResult, finish
from specreason.store.read.events import Subject, require_subject
from specreason.store.session import Database
from specreason.store.tables.states import JobState
from tests.support.api.apps import make_api
from tests.support.api.guarded import client_of, guarded_app, make_key
from tests.support.api.live import serving
from tests.support.store.builders import PAIR, claimed, expire, job_ids, start_worker, submit
from tests.support.store.sql import execute
from tests.support.workers.processes import wait_for


def events_of(client: TestClient, path: str, **sent: Any) -> list[dict[str, str]]:
    """All events of a stream that ends."""
    with client.stream("GET", path, **sent) as answer:
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        blocks = answer.read().decode().strip().split("\n\n")
    fields = [[line.partition(": ")[::2] for line in block.splitlines()] for block in blocks]
    return [dict(each) for each in fields]


def test_a_stream_tells_all_that_happened_and_ends_with_the_summary(
    client: TestClient, database: Database
) -> None:
    batch_id = submit(database, 2)
    first, second = job_ids(database, batch_id)
    worker_id = start_worker(database)
    finish(database, claimed(database, first, worker_id), JobResult(state=JobState.FAILED, error="no room"))
    controls.cancel_job(database, Viewer.EVERYONE, second)
    events = events_of(client, f"/api/batches/{batch_id}/events")
    assert [event["event"] for event in events] == [
        "batch_submitted",
        "job_claimed",
        "job_ended",
        "job_ended",
        "end",
    ]
    claim = json.loads(events[1]["data"])
    assert claim["id"] == int(events[1]["id"])
    assert (claim["job_id"], claim["worker_id"], claim["state"]) == (str(first), str(worker_id), "running")
    assert set(claim) == {
        *("id", "kind", "batch_id", "job_id", "worker_id", "state", "outcome", "detail", "created_at"),
    }
    assert "id" not in events[-1]
    assert json.loads(events[-1]["data"])["num_failed"] == 1
    of_job = events_of(client, f"/api/jobs/{first}/events")
    assert [event["event"] for event in of_job] == ["job_claimed", "job_ended", "end"]
    assert json.loads(of_job[-1]["data"])["error"] == "no room"
    seen = {"Last-Event-ID": events[2]["id"]}
    assert events_of(client, f"/api/batches/{batch_id}/events", headers=seen) == events[3:]
    assert events_of(client, f"/api/batches/{batch_id}/events", params={"after": 2**62}) == events[4:]


def test_a_stream_goes_on_until_the_last_job_has_ended(client: TestClient, database: Database) -> None:
    batch_id = submit(database, 2)
    first, second = job_ids(database, batch_id)

    def end_them() -> None:
        for job_id in (first, second):
            time.sleep(1)
            controls.cancel_job(database, Viewer.EVERYONE, job_id)

    thread = threading.Thread(target=end_them)
    thread.start()
    events = events_of(client, f"/api/batches/{batch_id}/events")
    thread.join()
    assert [event["event"] for event in events] == ["batch_submitted", "job_ended", "job_ended", "end"]
    assert client.app.state.deployment.streams.num_open.total() == 0  # type: ignore[attr-defined]


def test_the_stream_of_a_revoked_key_ends(servers: Servers, database: Database, tmp_path: Path) -> None:
    issued = make_key(database, "ada")
    client = client_of(guarded_app(servers, database, tmp_path), issued)
    batch_id = client.post("/api/batches", json={"problems": [{"problem": "1 + 1?"}]}).json()["batch_id"]
    threading.Timer(0.5, revoke_key, (database, issued.key.key_id)).start()
    events = events_of(client, f"/api/batches/{batch_id}/events")
    assert [event["event"] for event in events] == ["batch_submitted"]


def test_there_are_no_more_streams_than_a_process_can_serve(
    client: TestClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.streams.MOST_STREAMS", 0)
    answer = client.get(f"/api/batches/{submit(database)}/events")
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0


async def test_a_burst_of_streams_is_no_way_past_the_limit_and_leaves_no_count_behind(
    servers: Servers, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside: list[Subject] = []
    go_on = threading.Event()

    def held(database: Database, viewer: Viewer, subject: Subject) -> None:
        inside.append(subject)
        go_on.wait(30)
        require_subject(database, viewer, subject)

    monkeypatch.setattr("api.streams.MOST_STREAMS", 3)
    monkeypatch.setattr("api.native.events.require_subject", held)
    app = make_api(servers, database)
    path = f"/api/batches/{submit(database)}/events"
    unknown = f"/api/batches/{uuid4()}/events"
    with serving(app) as url:
        async with httpx2.AsyncClient(base_url=url, trust_env=False) as client, AsyncExitStack() as streams:
            asked = [
                asyncio.create_task(streams.enter_async_context(client.stream("GET", path)))
                for _ in range(20)
            ]
            await asyncio.to_thread(
                wait_for, lambda: len(inside) + sum(each.done() for each in asked) == len(asked)
            )
            go_on.set()
            answers = await asyncio.gather(*asked)
            assert sorted(answer.status_code for answer in answers) == [200] * 3 + [429] * 17
            await streams.aclose()
            wait_for(lambda: not app.state.deployment.streams.num_open)
            assert [(await client.get(unknown)).status_code for _ in range(4)] == [404] * 4


def test_an_owner_has_no_more_streams_than_leaves_some_to_others(
    servers: Servers, database: Database, tmp_path: Path
) -> None:
    app = guarded_app(servers, database, tmp_path)
    paths = {}
    for owner in ("ada", "bob"):
        client = client_of(app, make_key(database, owner))
        batch_id = client.post("/api/batches", json={"problems": [{"problem": "1?"}]}).json()["batch_id"]
        client.post(f"/api/batches/{batch_id}/cancel")
        paths[owner] = (client, f"/api/batches/{batch_id}/events")
    app.state.deployment.streams.num_open["ada"] = MOST_OF_OWNER
    (ada, hers), (bob, his) = paths.values()
    answer = ada.get(hers)
    assert (answer.status_code, int(answer.headers["Retry-After"]) > 0) == (429, True)
    assert bob.get(his).status_code == 200
    app.state.deployment.streams.num_open["ada"] -= 1
    assert ada.get(hers).status_code == 200


def test_a_stream_outlasts_an_absence_of_the_database_with_keys_on_too(
    servers: Servers, database: Database, administration: Database, tmp_path: Path
) -> None:
    client = client_of(guarded_app(servers, database, tmp_path), make_key(database, "ada"))
    batch_id = client.post("/api/batches", json={"problems": [{"problem": "1 + 1?"}]}).json()["batch_id"]
    name = database.url.database

    def be_away() -> None:
        time.sleep(0.5)
        execute(administration, f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        gone = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
        execute(administration, gone)
        time.sleep(KNOWN_S + 1)
        execute(administration, f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        controls.cancel_batch(database, Viewer.EVERYONE, UUID(batch_id))

    thread = threading.Thread(target=be_away)
    thread.start()
    events = events_of(client, f"/api/batches/{batch_id}/events")
    thread.join()
    assert [event["event"] for event in events][-1] == "end"


def test_an_event_id_that_is_none_is_refused(client: TestClient, database: Database) -> None:
    path = f"/api/batches/{submit(database)}/events"
    for wrong in ("x", "-1", "9" * 30):
        answer = client.get(path, headers={"Last-Event-ID": wrong})
        assert (answer.status_code, answer.json()["field"]) == (422, "Last-Event-ID")
    assert client.get(f"/api/batches/{uuid4()}/events").status_code == 404


def test_the_attempts_at_a_job_say_who_tried_it_and_how_that_ended(
    client: TestClient, database: Database
) -> None:
    (job_id,) = job_ids(database, submit(database))
    lost, good = start_worker(database), start_worker(database)
    claimed(database, job_id, lost)
    expire(database, lost)
    expire_leases(database)
    claimed(database, job_id, good)
    attempts = client.get(f"/api/jobs/{job_id}/attempts").json()
    assert attempts["next"] is None
    first, second = attempts["data"]
    assert (first["number"], first["worker_id"], first["outcome"]) == (1, str(lost), "lost")
    assert (second["number"], second["worker_id"], second["outcome"]) == (2, str(good), None)
    assert set(first) == {
        *("number", "fence", "worker_id", "first_step", "started_at", "ended_at", "outcome", "error"),
    }
    page = client.get(f"/api/jobs/{job_id}/attempts", params={"limit": 1}).json()
    assert page["next"] == 1
    rest = client.get(f"/api/jobs/{job_id}/attempts", params={"after": page["next"]}).json()
    assert page["data"] + rest["data"] == attempts["data"]


def test_jobs_are_found_by_state_grade_and_error(client: TestClient, database: Database) -> None:
    batch_id = submit(database, 4)
    ids = job_ids(database, batch_id)
    worker_id = start_worker(database)
    for job_id, result in zip(
        ids,
        (
            JobResult(state=JobState.SUCCEEDED, answer="4"),
            JobResult(state=JobState.SUCCEEDED, answer="5"),
            JobResult(state=JobState.FAILED, error="100% of_context used"),
        ),
        strict=False,
    ):
        finish(database, claimed(database, job_id, worker_id), result)
    for job_id, is_correct in zip(ids, (True, False), strict=False):
        execute(database, f"UPDATE job SET graded_at = now() WHERE id = '{job_id}'")
        execute(
            database,
            f"INSERT INTO grade (id, job_id, grader, is_correct) VALUES ('{uuid7()}', '{job_id}', 'g', {is_correct})",
        )

    def found(**query: Any) -> list[int]:
        answer = client.get(f"/api/batches/{batch_id}/jobs", params=query)
        assert answer.status_code == 200, answer.text
        return [ids.index(UUID(job["job_id"])) for job in answer.json()["data"]]

    assert found() == [0, 1, 2, 3]
    assert found(state="succeeded") == [0, 1]
    assert found(state=["failed", "queued"]) == [2, 3]
    assert found(is_correct="true") == [0]
    assert found(is_correct="false") == [1]
    assert found(is_correct="none") == [2, 3]
    assert found(error="OF_CONTEXT") == [2]
    assert found(error="0% o") == [2]
    assert found(error="ofXcontext") == []
    assert found(error="nul \0") == []
    assert found(state="succeeded", is_correct="false", limit=1) == [1]
    for query in ({"state": "lost"}, {"is_correct": "maybe"}):
        assert client.get(f"/api/batches/{batch_id}/jobs", params=query).status_code == 422


def test_batches_are_found_by_name_and_by_whether_they_are_open(
    client: TestClient, database: Database
) -> None:
    done, waiting = submit(database), submit(database)
    controls.cancel_batch(database, Viewer.EVERYONE, done)
    execute(database, f"UPDATE batch SET name = 'AIME 50%' WHERE id = '{done}'")

    def found(**query: Any) -> list[str]:
        return [batch["batch_id"] for batch in client.get("/api/batches", params=query).json()["data"]]

    assert found() == [str(waiting), str(done)]
    assert found(open="true") == [str(waiting)]
    assert found(open="false") == [str(done)]
    assert found(name="aime 50%") == [str(done)]
    assert found(name="aime_50") == []
    assert found(name="s", limit=1) == [str(waiting)]


def test_a_batch_of_a_larger_priority_goes_before_those_that_came_earlier(
    client: TestClient, database: Database
) -> None:
    first, urgent = submit(database, 3), submit(database, 3)
    before = take_unannounced(database, PAIR, window=2)
    answer = client.post(f"/api/batches/{urgent}/priority", json={"priority": 5})
    assert (answer.status_code, answer.json()["priority"]) == (200, 5)
    waiting = [job for job in job_ids(database, urgent) if job not in before]
    assert list(take_unannounced(database, PAIR, window=2 + len(waiting))) == waiting
    rest = [job for job in job_ids(database, first) if job not in before]
    assert list(take_unannounced(database, PAIR, window=6)) == rest


def test_a_priority_changes_no_job_that_has_ended_and_must_be_one(
    client: TestClient, database: Database
) -> None:
    batch_id = submit(database, 2)
    ended, waiting = job_ids(database, batch_id)
    controls.cancel_job(database, Viewer.EVERYONE, ended)
    assert client.post(f"/api/batches/{batch_id}/priority", json={"priority": -3}).status_code == 200
    priorities = [client.get(f"/api/jobs/{job_id}").json()["priority"] for job_id in (ended, waiting)]
    assert priorities == [0, -3]
    for wrong in ({"priority": 101}, {"priority": "high"}, {}, {"priority": 1, "more": 1}):
        assert client.post(f"/api/batches/{batch_id}/priority", json=wrong).status_code == 422
