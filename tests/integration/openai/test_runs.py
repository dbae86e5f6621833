"""/v1/batches from upload to download: a real server, a real worker with scripted models."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from openai import OpenAI
from openai.types.batch_usage import BatchUsage, InputTokensDetails, OutputTokensDetails
from openai.types.chat import ChatCompletion
from openai.types.responses import Response

from specreason.embedded import Servers
from specreason.store.session import Database
from tests.support.api.apps import scripted_app
from tests.support.api.openai import create, lines_of, reaches, sdk_of
from tests.support.api.openai_builders import ENDPOINT, jsonl, line
from tests.support.store.sql import rows_of
from tests.support.workers.harness import WorkerHarness, worker_harness
from tests.support.workers.processes import wait_for


@pytest.fixture(scope="module")
def harness(servers: Servers, administration: Database) -> Iterator[WorkerHarness]:
    with worker_harness(servers, administration, {"slots": 4}) as harness:
        yield harness


@pytest.fixture
def openai(harness: WorkerHarness, servers: Servers, tmp_path: Path) -> Iterator[OpenAI]:
    """The API on a database where a worker runs what is submitted."""
    harness.worker()
    with sdk_of(scripted_app(servers, harness.database, tmp_path)) as openai:
        yield openai


def usage_of(lines: Iterable[dict[str, Any]]) -> BatchUsage:
    """The sum of the lines' own counts."""
    counts = [each["response"]["body"]["usage"] for each in lines]
    read, written = (sum(each[f"{name}_tokens"] for each in counts) for name in ("prompt", "completion"))
    thinking = sum(each["completion_tokens_details"]["reasoning_tokens"] for each in counts)
    return BatchUsage(
        input_tokens=read,
        output_tokens=written,
        total_tokens=read + written,
        input_tokens_details=InputTokensDetails(cached_tokens=0),
        output_tokens_details=OutputTokensDetails(reasoning_tokens=thinking),
    )


def test_a_batch_runs_from_upload_to_download(openai: OpenAI, harness: WorkerHarness) -> None:
    lines = [
        line("first", "What is 1 + 1?", temperature=0.7, max_tokens=2000),
        line("second", "What is 2 + 2?", n=3, seed=5),
        line("third\u2028", "What is 3 + 3?", specreason={"scheme": "base", "seed": 9}),
    ]
    made = create(openai, jsonl(lines), metadata={"who": "me"})
    assert (made.object, made.endpoint, made.metadata) == ("batch", ENDPOINT, {"who": "me"})
    assert made.status in ("validating", "in_progress")
    assert made.expires_at == pytest.approx(made.created_at + 86_400, abs=2)
    done = reaches(openai, made.id, "completed")
    assert done.request_counts is not None
    counts = done.request_counts
    assert (counts.total, counts.completed, counts.failed) == (3, 3, 0)
    moments = [done.created_at, done.in_progress_at, done.finalizing_at, done.completed_at]
    assert moments == sorted(moment or 0 for moment in moments)
    assert done.error_file_id is None
    assert openai.files.retrieve(done.output_file_id or "").purpose == "batch_output"
    by_id = {each["custom_id"]: each for each in lines_of(openai, done.output_file_id)}
    assert set(by_id) == {"first", "second", "third\u2028"}
    for each in by_id.values():
        assert each["error"] is None
        assert each["response"]["status_code"] == 200
        body = each["response"]["body"]
        usage = body["usage"]
        thinking = usage["completion_tokens_details"]["reasoning_tokens"]
        assert 0 < thinking < usage["completion_tokens"]
        assert usage["prompt_tokens"] > 10
        assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
        assert ChatCompletion.model_validate(body).choices[0].message.content
    choices = by_id["second"]["response"]["body"]["choices"]
    assert [choice["index"] for choice in choices] == [0, 1, 2]
    assert len({choice["message"]["content"] for choice in choices}) == 3
    (choice,) = by_id["first"]["response"]["body"]["choices"]
    assert choice["finish_reason"] == "stop"
    assert choice["message"]["content"].startswith("\\boxed{")
    assert choice["message"]["reasoning_content"].startswith("The ")
    assert choice["message"]["reasoning_content"].endswith("So it is.")
    assert choice["message"]["reasoning"] == choice["message"]["reasoning_content"]
    assert (done.model, done.usage) == ("scripted", usage_of(by_id.values()))
    ours = by_id["third\u2028"]["response"]["body"]["specreason"]
    rows = rows_of(
        harness.database,
        f"""SELECT job.seed, batch.config ->> 'scheme', batch.id::text, batch.metadata ->> 'openai_batch_id'
            FROM job JOIN batch ON batch.id = job.batch_id WHERE job.id = '{ours["job_id"]}'""",
    )
    assert rows == [(9, "base", ours["batch_id"], made.id)]
    config = rows_of(
        harness.database,
        f"""SELECT (config ->> 'token_budget')::int, (config ->> 'max_answer_tokens')::int, config -> 'temperature'
            FROM batch WHERE id = '{by_id["first"]["response"]["body"]["specreason"]["batch_id"]}'""",
    )
    assert config == [(1500, 500, 0.7)]


def test_a_question_is_answered_at_once_and_streamed_as_it_is_answered(
    openai: OpenAI, harness: WorkerHarness
) -> None:
    asked: Any = {"model": "scripted", "messages": [{"role": "user", "content": "What is 2 + 2?"}]}
    asked |= {"n": 2, "seed": 5}
    whole: Any = openai.chat.completions.create(**asked)
    told: dict[tuple[int, str], str] = defaultdict(str)
    for chunk in openai.chat.completions.create(**asked, stream=True):
        for choice in chunk.choices:
            for field in ("reasoning", "content"):
                told[choice.index, field] += getattr(choice.delta, field, None) or ""
    for choice in whole.choices:
        assert choice.message.content.startswith("\\boxed{")
        assert told[choice.index, "content"] == choice.message.content
        assert told[choice.index, "reasoning"] == choice.message.reasoning
    assert whole.choices[0].message.reasoning != whole.choices[1].message.reasoning


def test_closing_a_stream_stops_the_job_that_runs(openai: OpenAI, harness: WorkerHarness) -> None:
    harness.hold("never")
    asked: Any = {
        "model": "scripted",
        "messages": [{"role": "user", "content": "Wait for never at 2."}],
        "stream": True,
    }
    stream = openai.chat.completions.create(**asked)
    chunks = iter(stream)
    job_id = UUID(next(chunks).specreason["job_id"])
    told = [next(chunks).choices[0].delta.reasoning for _ in range(2)]
    assert all(told)
    stream.close()
    wait_for(lambda: harness.state(job_id) == "cancelled")
    harness.let_go_of_all()
    assert harness.num_steps(job_id) == [2]


def test_a_batch_of_responses_runs_and_each_is_one_to_the_sdk(openai: OpenAI) -> None:
    def request(custom_id: str, **body: Any) -> dict[str, Any]:
        body = {"model": "scripted", **body}
        return {"custom_id": custom_id, "method": "POST", "url": "/v1/responses", "body": body}

    lines = [
        request("text", input="What is 1 + 1?", seed=-5),
        request("chat", instructions="Be brief.", input=[{"role": "user", "content": "What is 2 + 2?"}]),
    ]
    done = reaches(openai, create(openai, jsonl(lines), endpoint="/v1/responses").id, "completed")
    assert (done.endpoint, done.model) == ("/v1/responses", "scripted")
    by_id = {each["custom_id"]: each["response"]["body"] for each in lines_of(openai, done.output_file_id)}
    assert by_id.keys() == {"text", "chat"}
    total = 0
    for body in by_id.values():
        response = Response.model_validate(body)
        thinking, said = response.output
        assert (response.status, thinking.type, said.type) == ("completed", "reasoning", "message")
        assert thinking.content is not None
        assert thinking.content[0].text.startswith("The ")
        assert response.output_text.startswith("\\boxed{")
        assert response.usage is not None
        assert 0 < response.usage.output_tokens_details.reasoning_tokens < response.usage.output_tokens
        total += response.usage.total_tokens
    assert done.usage is not None
    assert done.usage.total_tokens == total


def test_a_cancelled_batch_gives_what_had_ended(openai: OpenAI, harness: WorkerHarness) -> None:
    harness.hold("late")
    made = create(openai, jsonl([line("quick"), line("slow", "Wait for late at 2.")]))

    def one_has_ended() -> bool:
        counts = openai.batches.retrieve(made.id).request_counts
        return counts is not None and counts.completed == 1

    wait_for(one_has_ended)
    cancelling = openai.batches.cancel(made.id)
    assert cancelling.status in ("cancelling", "cancelled")
    done = reaches(openai, made.id, "cancelled")
    harness.let_go_of_all()
    assert (done.cancelled_at or 0) >= (done.cancelling_at or 0) > 0
    assert [each["custom_id"] for each in lines_of(openai, done.output_file_id)] == ["quick"]
    (error,) = lines_of(openai, done.error_file_id)
    assert (error["custom_id"], error["response"], error["error"]["code"]) == (
        "slow",
        None,
        "batch_cancelled",
    )
    assert openai.batches.cancel(made.id).status == "cancelled"
