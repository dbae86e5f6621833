"""/v1/chat/completions: waiting and streamed, cancelled when the client goes away, and refused in OpenAI's form."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2
import openai as sdk
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from openai import AzureOpenAI, OpenAI

from specreason.embedded import Servers
from specreason.pairs import load_pairs
from specreason.reasoning.steps import StepRecord
from specreason.store.access.keys import revoke_key
from specreason.store.access.visibility import Viewer
from specreason.store.queue import controls
from specreason.store.queue.jobs import JobResult, finish
from specreason.store.session import Database
from specreason.store.tables.states import JobState, Scope
from specreason.store.trace.writer import TraceWriter
from tests.support.api.answering import CONTENT, REASONING, SUCCEEDED, answering, steps
from tests.support.api.apps import scripted_app, write_pairs
from tests.support.api.guarded import client_of, guarded_app, make_key
from tests.support.api.live import LOCAL, serving
from tests.support.api.openai import num_jobs, sdk_of
from tests.support.api.openai_builders import ENDPOINT
from tests.support.messages import names
from tests.support.store.builders import claimed, start_worker
from tests.support.store.sql import execute, rows_of, scalar
from tests.support.workers.processes import wait_for

pytestmark = pytest.mark.timeout(60)
MESSAGES: list[Any] = [{"role": "user", "content": "What is 2 + 2?"}]
BODY = {"model": "scripted", "messages": MESSAGES}
KEY = {"Idempotency-Key": "mine"}
STATE = "SELECT string_agg(state, ' ' ORDER BY repeat) FROM job"


@pytest.fixture
def client(openai: OpenAI) -> Iterator[httpx2.Client]:
    """A plain client of the same server."""
    with httpx2.Client(base_url=str(openai.base_url).removesuffix("/v1/"), trust_env=False) as client:
        yield client


def ask(openai: OpenAI, **asked: Any) -> Any:
    return openai.chat.completions.create(model="scripted", messages=MESSAGES, **asked)


def goes_away(client: httpx2.Client, **sent: Any) -> None:
    with pytest.raises(httpx2.ReadTimeout):
        client.post(ENDPOINT, json=BODY, timeout=0.5, **sent)


def the_job(database: Database) -> UUID:
    wait_for(lambda: num_jobs(database) == 1)
    ((job_id,),) = rows_of(database, "SELECT id FROM job")
    found: UUID = job_id
    return found


def test_an_answer_is_waited_for_and_its_job_is_one_like_any_other(
    openai: OpenAI, database: Database
) -> None:
    with answering(database):
        completion = ask(openai, seed=5, max_tokens=2000, stream=False)
    (choice,) = completion.choices
    assert (completion.object, completion.model) == ("chat.completion", "scripted")
    assert (choice.message.role, choice.message.content, choice.finish_reason) == (
        "assistant",
        CONTENT,
        "stop",
    )
    assert choice.message.reasoning_content == choice.message.reasoning == REASONING
    assert (
        completion.usage.total_tokens == completion.usage.prompt_tokens + completion.usage.completion_tokens
    )
    ids = completion.specreason
    rows = rows_of(
        database,
        f"""SELECT batch.name, batch.id::text, job.priority, job.seed, job.state, count(step.*),
                   job.deadline_at - job.created_at < interval '600 s'
            FROM job JOIN batch ON batch.id = job.batch_id JOIN step ON step.job_id = job.id
            WHERE job.id = '{ids["job_id"]}' GROUP BY batch.id, job.id""",
    )
    assert rows == [("chat", ids["batch_id"], 100, 5, "succeeded", 4, True)]


def test_a_chat_of_several_turns_is_one_problem(openai: OpenAI, database: Database) -> None:
    earlier = [{"role": "system", "content": "Be short."}, *MESSAGES, {"role": "assistant", "content": "4"}]
    messages: Any = [*earlier, {"role": "user", "content": [{"type": "text", "text": "And 3 + 3?"}]}]
    with answering(database):
        completion = openai.chat.completions.create(model="scripted", messages=messages)
    assert completion.choices[0].message.content == CONTENT
    stored = [*earlier, {"role": "user", "content": "And 3 + 3?"}]
    assert rows_of(database, "SELECT text, problem_id, messages FROM problem") == [
        ("And 3 + 3?", None, stored)
    ]


def test_several_choices_are_repeats_of_one_problem(openai: OpenAI, database: Database) -> None:
    with answering(database):
        completion = ask(openai, n=3)
    assert [choice.index for choice in completion.choices] == [0, 1, 2]
    assert len(completion.specreason["jobs"]) == 3
    assert scalar(database, "SELECT count(DISTINCT problem_id) FROM job") == 1


async def test_a_stream_tells_each_step_when_it_is_stored(openai: OpenAI, database: Database) -> None:
    worker_id = start_worker(database)
    chunks = iter(ask(openai, stream=True))
    first = next(chunks)
    assert (first.object, first.choices[0].delta.role) == ("chat.completion.chunk", "assistant")
    job = claimed(database, UUID(first.specreason["job_id"]), worker_id)
    writer = TraceWriter(database)
    sink = writer.sink(job)

    async def store(record: StepRecord) -> None:
        await sink.append(record)
        await sink.flush()

    kept, written, last, answer = steps()
    told = ""
    for record, expected in (
        (kept, "So 2 + 2 = 4."),
        (written, "\n\nWait, 2 + 2 = 4."),
        (last, "\n\nThat is all."),
    ):
        await store(record)
        delta = next(chunks).choices[0].delta
        assert (delta.reasoning, delta.content) == (expected, None)
        told += delta.reasoning_content
    assert told == REASONING
    await store(answer)
    assert next(chunks).choices[0].delta.content == CONTENT
    finish(database, job, SUCCEEDED)
    writer.close()
    end = next(chunks)
    assert (end.choices[0].finish_reason, end.choices[0].delta.content) == ("stop", None)
    assert end.specreason["jobs"][0]["answer"] == "4"
    assert list(chunks) == []


def test_a_stream_has_each_choice_by_its_index_and_the_usage_last_if_it_is_asked_for(
    openai: OpenAI, database: Database
) -> None:
    with answering(database):
        *chunks, usage = ask(openai, n=2, stream=True, stream_options={"include_usage": True})
        whole = ask(openai, n=2)
    for index in (0, 1):
        own = [chunk.choices[0] for chunk in chunks if chunk.choices[0].index == index]
        told = "".join(choice.delta.reasoning for choice in own if "reasoning" in choice.delta.to_dict())
        content = "".join(choice.delta.content or "" for choice in own)
        message = whole.choices[index].message
        assert (told, content) == (message.reasoning_content, message.content)
        assert [choice.finish_reason for choice in own if choice.finish_reason] == ["stop"]
    assert all(chunk.usage is None for chunk in chunks)
    assert (usage.choices, usage.usage) == ([], whole.usage)
    assert len({chunk.id for chunk in chunks}) == len({chunk.created for chunk in chunks}) == 1


def test_a_stream_is_events_of_data_alone_and_ends_with_done(
    client: httpx2.Client, database: Database
) -> None:
    with answering(database):
        answer = client.post(ENDPOINT, json=BODY | {"stream": True})
    assert answer.headers["Content-Type"].startswith("text/event-stream")
    lines = [line for line in answer.text.splitlines() if line and not line.startswith(":")]
    assert all(line.startswith("data: {") for line in lines[:-1])
    assert lines[-1] == "data: [DONE]"


def test_the_job_of_a_client_that_has_gone_is_cancelled(client: httpx2.Client, database: Database) -> None:
    start_worker(database)
    goes_away(client)
    wait_for(lambda: scalar(database, STATE) == "cancelled")


def test_closing_the_stream_cancels_every_choice(openai: OpenAI, database: Database) -> None:
    worker_id = start_worker(database)
    stream = ask(openai, stream=True, n=2)
    first = next(iter(stream))
    claimed(database, UUID(first.specreason["job_id"]), worker_id)
    stream.close()
    wait_for(lambda: scalar(database, STATE) == "cancelled cancelled")


def test_under_an_idempotency_key_the_job_goes_on_and_the_same_request_finds_it(
    client: httpx2.Client, database: Database
) -> None:
    start_worker(database)
    goes_away(client, headers=KEY)
    time.sleep(0.5)
    assert scalar(database, STATE) == "queued"
    with answering(database):
        answers = [client.post(ENDPOINT, json=BODY, headers=KEY) for _ in range(2)]
    # No worker is needed for what has ended.
    execute(database, "UPDATE worker SET stopped_at = now()")
    answers.append(client.post(ENDPOINT, json=BODY, headers=KEY))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.text for answer in answers}) == 1
    assert num_jobs(database) == 1
    other = client.post(ENDPOINT, json=BODY | {"seed": 1}, headers=KEY)
    assert (other.status_code, other.json()["error"]["param"]) == (422, "Idempotency-Key")


def test_without_a_worker_of_the_pair_nothing_is_stored(client: httpx2.Client, database: Database) -> None:
    start_worker(database, pair="other")
    stopped = start_worker(database)
    execute(database, f"UPDATE worker SET stopped_at = now() WHERE id = '{stopped}'")
    for body in (BODY, BODY | {"stream": True}):
        answer = client.post(ENDPOINT, json=body)
        assert (answer.status_code, answer.json()["error"]["type"]) == (503, "server_error")
        assert int(answer.headers["Retry-After"]) > 0
        assert names(answer.json()["error"]["message"], "'scripted'", "`specreason worker --pair scripted`")
    assert num_jobs(database) == 0


def test_a_model_that_does_not_exist_is_not_found(openai: OpenAI, database: Database) -> None:
    with pytest.raises(sdk.NotFoundError) as caught:
        openai.chat.completions.create(model="gpt-4o", messages=MESSAGES)
    assert (caught.value.code, caught.value.param) == ("model_not_found", "model")
    assert names(caught.value.message, "'gpt-4o'", "scripted")
    assert num_jobs(database) == 0


@pytest.mark.parametrize(
    ("content", "param"),
    [
        (b"", "body"),
        (b"[]", "body"),
        (b"{", "body"),
        ({"model": "scripted"}, "messages"),
        (BODY | {"temperature": 3}, "temperature"),
        (BODY | {"stream": "yes"}, "stream"),
        (BODY | {"stream_options": {"include_usage": True}}, "stream_options"),
        (BODY | {"stream": True, "stream_options": {"usage": True}}, "stream_options.usage"),
        (BODY | {"logprobs": True}, "logprobs"),
        (BODY | {"specreason": {"treshold": 7}}, "specreason.treshold"),
        (BODY | {"specreason": {"scheme": "specdecode"}}, "specreason.scheme"),
        (BODY | {"n": 0}, "n"),
        (BODY | {"n": 6}, "n"),
    ],
)
def test_what_is_wrong_is_named_as_the_client_wrote_it(
    servers: Servers, database: Database, tmp_path: Path, content: Any, param: str
) -> None:
    start_worker(database)
    client = TestClient(scripted_app(servers, database, tmp_path, max_jobs=5), base_url=LOCAL)
    sent = {"content": content} if isinstance(content, bytes) else {"json": content}
    answer = client.post(ENDPOINT, **sent)
    error = answer.json()["error"]
    assert (answer.status_code, error["type"], error["param"]) == (400, "invalid_request_error", param)
    assert error["message"].startswith(param)
    assert num_jobs(database) == 0


@pytest.mark.parametrize(
    "more",
    [
        {"stream": False, "stream_options": None, "n": None, "stop": None},
        {"stream_options": {"include_usage": False}, "top_k": -1, "user": "me"},
        {"stream": None, "stream_options": {"include_usage": None}},
    ],
)
def test_what_asks_for_nothing_is_taken(
    client: httpx2.Client, database: Database, more: dict[str, Any]
) -> None:
    with answering(database):
        assert client.post(ENDPOINT, json=BODY | more).json()["choices"][0]["message"]["content"] == CONTENT


def test_a_request_that_has_not_ended_in_its_time_expires(
    servers: Servers, database: Database, tmp_path: Path
) -> None:
    start_worker(database)
    with sdk_of(scripted_app(servers, database, tmp_path, chat_s=0.3)) as openai:
        with pytest.raises(sdk.InternalServerError) as caught:
            ask(openai)
        assert (caught.value.status_code, caught.value.code) == (504, "deadline_exceeded")
        assert names(caught.value.message, "SPECREASON_CHAT_S")
        # The SDK would send it again.
        assert caught.value.response.headers["X-Should-Retry"] == "false"
        with pytest.raises(sdk.APIError) as streamed:
            list(ask(openai, stream=True))
        assert streamed.value.code == "deadline_exceeded"
    assert scalar(database, "SELECT string_agg(state, ' ') FROM job") == "expired expired"


@pytest.mark.parametrize(
    ("result", "status", "says"),
    [
        (JobResult(state=JobState.FAILED, error="the prompt leaves no room"), 400, "no room"),
        (JobResult(state=JobState.DEAD, error="the engine broke"), 500, "the engine broke"),
    ],
)
def test_a_job_without_success_is_an_error_also_in_a_stream(
    openai: OpenAI, database: Database, result: JobResult, status: int, says: str
) -> None:
    with answering(database, result=result):
        with pytest.raises(sdk.APIStatusError) as caught:
            ask(openai, n=2)
        with pytest.raises(sdk.APIError) as streamed:
            list(ask(openai, stream=True))
    assert caught.value.status_code == status
    assert caught.value.code
    for error in (caught.value, streamed.value):
        assert names(error.message, says)
    assert caught.value.code == streamed.value.code


def test_a_choice_that_failed_leaves_the_others(openai: OpenAI, database: Database) -> None:
    worker_id = start_worker(database)
    answers: list[Any] = []
    thread = threading.Thread(target=lambda: answers.append(ask(openai, n=2)))
    thread.start()
    wait_for(lambda: num_jobs(database) == 2)
    (bad,), (good,) = rows_of(database, "SELECT id FROM job ORDER BY repeat")
    finish(database, claimed(database, bad, worker_id), JobResult(state=JobState.FAILED, error="no"))
    finish(database, claimed(database, good, worker_id), SUCCEEDED)
    thread.join()
    assert [choice.index for choice in answers[0].choices] == [1]
    assert [job["state"] for job in answers[0].specreason["jobs"]] == ["failed", "succeeded"]


def test_a_job_that_somebody_else_cancels_is_a_conflict(openai: OpenAI, database: Database) -> None:
    start_worker(database)
    thread = threading.Thread(
        target=lambda: controls.cancel_job(database, Viewer.EVERYONE, the_job(database))
    )
    thread.start()
    with pytest.raises(sdk.ConflictError) as caught:
        ask(openai)
    thread.join()
    assert caught.value.code == "cancelled"


def test_a_waiting_request_outlasts_an_absence_of_the_database(
    openai: OpenAI, database: Database, administration: Database
) -> None:
    name = database.url.database

    def be_away() -> None:
        the_job(database)
        execute(administration, f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        gone = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
        execute(administration, gone)
        time.sleep(1)
        execute(administration, f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")

    start_worker(database)
    thread = threading.Thread(target=be_away)
    thread.start()
    answers: list[Any] = []
    asking = threading.Thread(target=lambda: answers.extend(ask(openai, stream=True)))
    asking.start()
    thread.join()
    with answering(database):
        asking.join()
    assert answers[-1].choices[0].finish_reason == "stop"


def test_no_more_requests_wait_than_a_process_can_serve(
    openai: OpenAI, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    start_worker(database)
    monkeypatch.setattr("api.streams.MOST_WAITING", 1)
    stream = ask(openai, stream=True)
    with pytest.raises(sdk.RateLimitError) as caught:
        ask(openai)
    assert int(caught.value.response.headers["Retry-After"]) > 0
    stream.close()
    wait_for(lambda: scalar(database, STATE) == "cancelled")
    with answering(database):
        assert ask(openai).choices[0].message.content == CONTENT


@pytest.fixture
def locked(servers: Servers, database: Database, tmp_path: Path) -> FastAPI:
    """The API with keys on, and the scripted pair."""
    app = guarded_app(servers, database, tmp_path / "files")
    app.state.deployment.pairs.clear()
    app.state.deployment.pairs.update(load_pairs(write_pairs(tmp_path)))
    return app


def test_a_request_counts_against_the_quota_of_its_owner_and_is_owned(
    locked: FastAPI, database: Database
) -> None:
    client = client_of(locked, make_key(database, "ada", max_queued_jobs=1))
    with answering(database):
        refused = client.post(ENDPOINT, json=BODY | {"n": 2})
        answer = client.post(ENDPOINT, json=BODY)
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "rate_limit_exceeded")
    assert int(refused.headers["Retry-After"]) > 0
    assert answer.status_code == 200
    assert scalar(database, "SELECT owner FROM batch") == "ada"
    bob = client_of(locked, make_key(database, "bob"))
    ids = answer.json()["specreason"]
    assert bob.get(f"/api/batches/{ids['batch_id']}").status_code == 404


def test_a_key_needs_the_scope_to_submit(locked: FastAPI, database: Database) -> None:
    client = client_of(locked, make_key(database, "ada", [Scope.READ]))
    answer = client.post(ENDPOINT, json=BODY)
    assert (answer.status_code, answer.json()["error"]["type"]) == (403, "permission_error")
    assert TestClient(locked).post(ENDPOINT, json=BODY).status_code == 401


def test_the_request_of_a_revoked_key_ends_and_its_job_with_it(locked: FastAPI, database: Database) -> None:
    start_worker(database)
    issued = make_key(database, "ada")
    threading.Timer(0.5, revoke_key, (database, issued.key.key_id)).start()
    with serving(locked) as url, OpenAI(base_url=f"{url}/v1", api_key=issued.secret, max_retries=0) as openai:
        with pytest.raises(sdk.AuthenticationError):
            ask(openai)
        wait_for(lambda: scalar(database, STATE) == "cancelled")


def test_azures_client_names_the_model_in_the_path_and_sends_its_key_in_a_header_of_its_own(
    locked: FastAPI, database: Database
) -> None:
    secret = make_key(database, "ada").secret
    with (
        answering(database),
        serving(locked) as url,
        AzureOpenAI(azure_endpoint=url, api_version="2024-10-21", api_key=secret, max_retries=0) as azure,
    ):
        assert ask(azure).choices[0].message.content == CONTENT
        with pytest.raises(sdk.NotFoundError) as caught:
            azure.chat.completions.create(model="gpt-4o", messages=MESSAGES)
        with pytest.raises(sdk.AuthenticationError):
            ask(azure.with_options(api_key="sr_wrong"))
    assert caught.value.code == "model_not_found"


@pytest.mark.parametrize("path", ["/chat/completions", "/openai/v1/chat/completions"])
def test_other_spellings_are_taken_for_what_they_mean(
    client: httpx2.Client, database: Database, path: str
) -> None:
    with answering(database):
        answer = client.post(f"{path}?api-version=preview", json=BODY)
    assert answer.json()["choices"][0]["message"]["content"] == CONTENT
    assert client.post(path, json={}).json()["error"]["param"]
