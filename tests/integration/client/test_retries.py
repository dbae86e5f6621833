"""Requests that the client repeats, requests that it does not, and streams that it resumes."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest

from specreason.client import Client, transport
from specreason.errors import Conflict, LimitReached, NotConnected, StillRunning, TimedOut, Unreachable
from tests.support.api.scripted_server import answer, broken_off, scripted_server, silent_server
from tests.support.messages import names
from tests.support.virtual_time import FakeTime

ID = UUID("0193b2a4-0000-7000-8000-000000000000")
HEALTH = answer("200 OK", json.dumps({"status": "ok", "version": "1", "pairs": ["demo"]}))
AWAY = answer("503 Service Unavailable", '{"detail": "away"}', "Retry-After: 0")
BUSY = answer("429 Too Many Requests", '{"detail": "slow down"}', "Retry-After: 0")
RUNNING = answer("409 Conflict", '{"detail": "still running"}', "Retry-After: 0")


def event(number: int) -> str:
    change: dict[str, Any] = {
        "id": number,
        "kind": "job_ended",
        "batch_id": str(ID),
        "job_id": None,
        "worker_id": None,
        "state": "succeeded",
        "outcome": None,
        "detail": {},
        "created_at": "2026-01-01T00:00:00Z",
    }
    return f"id: {number}\nevent: job_ended\ndata: {json.dumps(change)}\n\n"


@pytest.mark.parametrize("first", [AWAY, BUSY, b""])
def test_a_read_is_tried_again(first: bytes) -> None:
    with scripted_server([first, HEALTH]) as server, Client(server.url) as client:
        assert client.health().version == "1"
    assert len(server.requests) == 2


def test_a_server_that_asks_for_more_time_than_there_is_patience_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    later = answer("429 Too Many Requests", '{"detail": "slow down"}', "Retry-After: 60")
    time = FakeTime()
    monkeypatch.setattr(transport, "time", time)
    with (
        scripted_server([later]) as server,
        Client(server.url, patience_s=5) as client,
        pytest.raises(LimitReached, match="slow down") as raised,
    ):
        client.health()
    assert raised.value.retry_after_s == 60
    assert time.pauses == []


def test_what_a_request_waits_for_is_told_at_its_first_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "time", FakeTime())
    told: list[str] = []
    with scripted_server([AWAY, AWAY, HEALTH]) as server:
        with Client(server.url, patience_s=7, on_delay=told.append) as client:
            assert client.health().version == "1"
        assert len(told) == 1
        assert names(told[0], server.url, "does not answer", "7 s")


def test_this_machine_is_tried_for_less_long_if_it_refuses_the_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    time = FakeTime()
    monkeypatch.setattr(transport, "time", time)
    with (
        Client("http://127.0.0.1:1", patience_s=60, local_patience_s=2) as client,
        pytest.raises(NotConnected),
    ):
        client.health()
    assert time.now == pytest.approx(2)


def test_a_silent_server_uses_up_the_patience_and_the_silence_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(transport, "SILENCE_S", 0.05)
    told: list[str] = []
    with silent_server() as url:
        with (
            Client(url, timeout_s=0.3, patience_s=0.2, on_delay=told.append) as client,
            pytest.raises(Unreachable) as raised,
        ):
            client.health()
        assert type(raised.value) is Unreachable
        assert len(told) == 1
        assert names(told[0], url, "not answered")


def test_a_submission_to_a_server_that_is_not_there_stored_nothing() -> None:
    with Client("http://127.0.0.1:1", patience_s=0) as client:
        with pytest.raises(NotConnected, match="Nothing was stored"):
            client.submit([{"problem": "x"}])
        with pytest.raises(TimedOut, match="Nothing was stored"):
            client.submit([{"problem": "x"}], within_s=0)


def test_a_submission_that_may_have_arrived_is_not_said_to_be_lost() -> None:
    with scripted_server([b""]) as server, Client(server.url, patience_s=0.3) as client:
        with pytest.raises(Unreachable, match="not known") as raised:
            client.submit([{"problem": "x"}])
        assert not isinstance(raised.value, NotConnected)
    with (
        silent_server() as url,
        Client(url, timeout_s=600) as client,
        pytest.raises(TimedOut, match="not known"),
    ):
        client.submit([{"problem": "x"}], within_s=0.6)


def test_a_refusal_at_the_deadline_does_not_say_that_nothing_was_stored() -> None:
    busy = answer("429 Too Many Requests", "{}", "Retry-After: 60")
    with (
        scripted_server([busy]) as server,
        Client(server.url) as client,
        pytest.raises(TimedOut, match="not known"),
    ):
        client.submit([{"problem": "x"}], within_s=0)


def test_a_wait_of_a_silent_server_ends_at_its_timeout() -> None:
    with silent_server() as url, Client(url, timeout_s=600) as client, pytest.raises(TimedOut):
        client.wait(ID, timeout_s=0.6)


def test_a_control_is_sent_once() -> None:
    with (
        scripted_server([AWAY, HEALTH]) as server,
        Client(server.url) as client,
        pytest.raises(Unreachable, match="away"),
    ):
        client.requeue(ID)
    assert len(server.requests) == 1


def test_a_submission_is_sent_again_byte_by_byte_under_its_key() -> None:
    used = answer(
        "422 Unprocessable Content", '{"detail": "Idempotency-Key: used", "field": "Idempotency-Key"}'
    )
    with (
        scripted_server([b"", RUNNING, used]) as server,
        Client(server.url) as client,
        pytest.raises(Conflict),
    ):
        client.submit(({"problem": f"{n} + {n}?"} for n in range(3)), name="sums")
    first, second, third = server.requests
    assert first == second == third
    assert "idempotency-key: " in first.lower()
    assert '{"problem": "2 + 2?"}' in first


def test_the_first_request_still_running_at_the_end_of_the_timeout_is_reported() -> None:
    running = answer("409 Conflict", '{"detail": "still running"}', "Retry-After: 9")
    with (
        scripted_server([running]) as server,
        Client(server.url, patience_s=1) as client,
        pytest.raises(StillRunning),
    ):
        client.submit([{"problem": "x"}])


def test_a_key_is_sent_with_every_request() -> None:
    with scripted_server([HEALTH]) as server, Client(server.url, "sr_secret") as client:
        client.health()
    assert "Authorization: Bearer sr_secret\r\n" in server.requests[0]


def test_events_go_on_behind_the_last_one_where_the_stream_broke_off() -> None:
    stream = "text/event-stream"
    first = broken_off(": hello\n\n" + event(3) + event(7), kind=stream)
    second = answer("200 OK", event(9) + "event: end\ndata: {}\n\n", kind=stream)
    with scripted_server([first, AWAY, second]) as server, Client(server.url) as client:
        assert [change.id for change in client.events(ID, after=1)] == [3, 7, 9]
    seen = [
        line for text in server.requests for line in text.split("\r\n") if line.startswith("Last-Event-ID")
    ]
    assert seen == ["Last-Event-ID: 1", "Last-Event-ID: 7", "Last-Event-ID: 7"]


def test_a_stream_that_never_comes_back_ends_with_the_patience() -> None:
    first = broken_off(event(3), kind="text/event-stream")
    with scripted_server([first]) as server, Client(server.url, patience_s=0.5) as client:
        changes = client.events(ID)
        assert next(changes).id == 3
        with pytest.raises(Unreachable):
            next(changes)


def test_streams_that_end_without_an_event_try_no_patience_while_the_server_answers() -> None:
    stream = "text/event-stream"
    quiet = answer("200 OK", ": nothing yet\n\n", kind=stream)
    last = answer("200 OK", event(3) + "event: end\ndata: {}\n\n", kind=stream)
    with scripted_server([quiet] * 5 + [last]) as server, Client(server.url, patience_s=0.4) as client:
        assert [change.id for change in client.events(ID)] == [3]
    assert len(server.requests) == 6


def test_pages_in_place_of_a_stream_are_asked_for_no_longer_than_the_patience() -> None:
    page = answer("200 OK", "<html>Welcome</html>", kind="text/html")
    with scripted_server([page] * 50) as server, Client(server.url, patience_s=0.5) as client:
        with pytest.raises(Unreachable, match="text/html"):
            next(client.events(ID))
        assert len(server.requests) < 10


def test_an_event_that_cannot_be_read_is_said_at_once() -> None:
    unreadable = answer("200 OK", 'event: job_ended\ndata: {"id": "x"}\n\n', kind="text/event-stream")
    with scripted_server([unreadable] * 50) as server, Client(server.url) as client:
        with pytest.raises(Unreachable, match=r"^API"):
            next(client.events(ID))
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    "body", ["<html>Welcome</html>", "[]", "null", '{"rows": []}', '{"data": []}', "[" * 9999]
)
def test_an_answer_of_something_else_is_no_answer_of_the_api(body: str) -> None:
    with (
        scripted_server([answer("200 OK", body)]) as server,
        Client(server.url) as client,
        pytest.raises(Unreachable),
    ):
        list(client.batches())


def test_lines_of_results_end_only_where_the_server_ends_them() -> None:
    lines = ['{"answer": "a\u2028b\x85c\u2029"}', '{"answer": "d"}']
    whole = answer("200 OK", "\n".join(lines) + "\n", kind="application/jsonl")
    with scripted_server([whole]) as server, Client(server.url) as client:
        assert list(client.result_lines(ID)) == lines


def test_results_that_break_off_are_not_taken_for_all() -> None:
    cut = broken_off('{"job_id": "x"}\n', kind="application/jsonl")
    with scripted_server([cut]) as server, Client(server.url) as client:
        lines = client.result_lines(ID)
        with pytest.raises(Unreachable):
            list(lines)
