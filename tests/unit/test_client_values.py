"""The client without a server: what it sends, what it makes of answers, and that its values are the API's."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import httpx2
import pytest

from specreason.client import Batch, Client, Job, Step, Worker, transport
from specreason.client.decoding import decode, to_json
from specreason.client.refusals import error_of
from specreason.client.submission import content_key, opened
from specreason.client.transport import FIRST_PAUSE_S, LONGEST_PAUSE_S, Backoff
from specreason.client.values import STATES
from specreason.errors import (
    Conflict,
    InputError,
    InvalidField,
    KeyRefused,
    LimitReached,
    NotAllowed,
    NotFound,
    SpecReasonError,
    StillRunning,
    TooLarge,
    Unreachable,
)
from specreason.store.read.summaries import BatchSummary, JobSummary
from specreason.store.read.workers import WorkerSummary
from specreason.store.tables.states import JobState
from specreason.store.trace.steps import StepRow
from specreason.submission.form import to_form
from tests.support.virtual_time import FakeTime

WORKER: dict[str, Any] = {
    "worker_id": "0193b2a4-0000-7000-8000-000000000000",
    "pair": "demo",
    "pair_fingerprint": "f",
    "host": "here",
    "pid": 1,
    "gpu": None,
    "alive": True,
    "slots": 2,
    "num_running": 1,
    "num_attempts": 3,
    "num_lost": 0,
    "started_at": "2026-01-01T00:00:00Z",
    "heartbeat_at": "2026-01-01T00:00:01Z",
    "lease_expires_at": "2026-01-01T00:00:16Z",
    "stopped_at": None,
}


# Fields that only the answer to a submission or a control has.
OF_AN_ANSWER = {"remarks", "skipped", "errors", "replayed", "num_changed"}


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [(Batch, BatchSummary), (Job, JobSummary), (Step, StepRow), (Worker, WorkerSummary)],
)
def test_the_clients_values_have_the_fields_that_the_api_gives(ours: type[Any], theirs: type[Any]) -> None:
    assert {field.name for field in fields(ours)} - OF_AN_ANSWER == {field.name for field in fields(theirs)}


def test_the_client_counts_every_state_that_a_job_can_be_in() -> None:
    assert set(STATES) == set(JobState)


def test_a_value_is_read_and_written_as_json_and_fields_of_a_newer_server_are_left_out() -> None:
    worker = decode(Worker, WORKER | {"mood": "fine"})
    assert worker.heartbeat_at.second == 1
    assert to_json(worker) == WORKER


def test_an_answer_that_is_no_such_thing_is_the_servers_fault_and_names_the_field() -> None:
    with pytest.raises(Unreachable, match=r"Worker\.pid"):
        decode(Worker, WORKER | {"pid": "many"})


@pytest.mark.parametrize(
    ("status", "body", "kind", "message"),
    [
        (404, {"detail": "batch: none"}, NotFound, "batch: none"),
        (401, {"detail": "no key"}, KeyRefused, "no key"),
        (403, {"detail": "no scope"}, NotAllowed, "no scope"),
        (409, {"detail": "still running"}, StillRunning, "still running"),
        (429, {"detail": "slow down"}, LimitReached, "slow down"),
        (503, {"detail": "away"}, Unreachable, "API: away"),
        (422, {"detail": "name: too long", "field": "name"}, InvalidField, "name: too long"),
        (413, {"detail": "file: is larger", "field": "file"}, TooLarge, "file: is larger"),
        (
            422,
            {"detail": "Idempotency-Key: used", "field": "Idempotency-Key"},
            Conflict,
            "Idempotency-Key: used",
        ),
        (415, {"title": "Unsupported Media Type"}, InputError, "Unsupported Media Type"),
    ],
)
def test_a_refusal_becomes_the_error_that_says_what_can_be_done(
    status: int, body: Mapping[str, Any], kind: type[SpecReasonError], message: str
) -> None:
    error = error_of(httpx2.Response(status, json=body))
    assert type(error) is kind
    assert str(error) == message


@pytest.mark.parametrize("content", [b"<html>Bad Gateway</html>", b"[1]", b'"no"', b""])
def test_a_proxys_page_is_no_defect_of_the_client(content: bytes) -> None:
    error = error_of(httpx2.Response(502, content=content))
    assert isinstance(error, Unreachable)
    assert "502" in str(error)


def test_the_same_submission_has_the_same_key_and_any_other_another() -> None:
    def key(content: bytes = b"{}", filename: str = "x.jsonl", **options: Any) -> str:
        return content_key(io.BytesIO(content), filename, to_form(options))

    same = key(config={"seed": 1, "repeats": 2})
    assert same == key(config={"repeats": 2, "seed": 1})
    others: list[dict[str, Any]] = [
        {},
        {"pair": "other"},
        {"name": "n"},
        {"mapping": {"problem": "q"}},
        {"config": {"seed": 2, "repeats": 2}},
        {"priority": 1},
        {"grid": {"scheme": ["base"]}},
    ]
    keys = [same, key(b"[]"), key(filename="y.jsonl"), *(key(**options) for options in others)]
    assert len(set(keys)) == len(keys)


def test_problems_one_by_one_become_lines() -> None:
    with opened({"problem": str(n)} for n in range(2)) as (name, file):
        file.seek(0)
        assert (name, file.read()) == ("problems.jsonl", b'{"problem": "0"}\n{"problem": "1"}\n')


def test_an_open_file_is_taken_as_it_is() -> None:
    given = io.BytesIO(b"{}")
    with opened(given) as (_, file):
        assert file is given


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> FakeTime:
    fake = FakeTime()
    monkeypatch.setattr(transport, "time", fake)
    return fake


def test_patience_does_not_reach_beyond_its_end(time: FakeTime) -> None:
    assert Backoff(0.0).pause() is False
    backoff = Backoff(5.0)
    assert backoff.pause(1.0) is True
    assert backoff.pause(60.0) is False
    assert time.pauses == [1.0]


def test_a_server_that_answers_has_all_the_patience_again_and_is_not_asked_more_often(time: FakeTime) -> None:
    backoff = Backoff(10.0)
    for _ in range(8):
        assert backoff.pause()
        time.now += 60.0
        backoff.answered()
    assert min(time.pauses[-2:]) >= 0.5 * LONGEST_PAUSE_S
    backoff.reset()
    assert backoff.pause()
    assert time.pauses[-1] <= FIRST_PAUSE_S


@pytest.mark.parametrize("key", ["sr_secret\n", "sr_sécret", "sr secret"])
def test_a_key_that_cannot_be_sent_is_refused_without_being_repeated(key: str) -> None:
    with pytest.raises(InvalidField, match=r"^API key: ") as raised:
        Client("http://127.0.0.1:1", key)
    assert key.strip() not in str(raised.value)


@pytest.mark.parametrize("url", ["127.0.0.1:8765", "ftp://here", "http://here:port", ""])
def test_an_address_that_is_none_is_refused_at_once(url: str) -> None:
    with pytest.raises(InvalidField, match="API address"):
        Client(url)
