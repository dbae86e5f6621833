"""Spans of OpenTelemetry: one for an attempt, an event for each of its steps, and no text in either."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from uuid import UUID

import pytest

from specreason.config import RunConfig
from specreason.errors import PromptTooLong
from specreason.store.queue.claims import ClaimedJob
from specreason.submission.chat import user_turn
from tests.support.store.builders import accepted, answer, rejected
from worker.observing import spans as observing
from worker.observing.spans import ENDPOINTS, Spans, provider_of, spans_to_collector

export = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter")
SECRET = "the user's own words"
CLAIMED = ClaimedJob(
    job_id=UUID(int=1),
    batch_id=UUID(int=2),
    worker_id=UUID(int=3),
    fence=4,
    attempt=2,
    first_step=1,
    messages=user_turn(SECRET),
    config=RunConfig(temperature=0.5),
    seed=7,
    repeat=0,
)


def run(outcome: str, error: Exception | None = None, num_steps: int = 1):  # type: ignore[no-untyped-def]
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor

    exporter, provider = export.InMemorySpanExporter(), provider_of("scripted", "w-1")
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    span = Spans("scripted", provider).start(CLAIMED)
    for index in range(num_steps):
        span.see(rejected(index) if index % 2 else accepted(index))
    span.see(answer(num_steps))
    span.end(outcome, error)
    (finished,) = exporter.get_finished_spans()
    return finished


def test_a_job_is_a_span_with_the_fields_s_names_and_its_tokens() -> None:
    span = run("succeeded")
    assert span.name == "chat scripted"
    expected = {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "scripted",
        "gen_ai.request.temperature": 0.5,
        "gen_ai.usage.input_tokens": 40 + 60 + 40,
        "gen_ai.usage.output_tokens": 3 + 1 + 6,
        "specreason.job": str(UUID(int=1)),
        "specreason.attempt": 2,
        "specreason.outcome": "succeeded",
    }
    assert expected.items() <= dict(span.attributes).items()
    assert span.resource.attributes["service.instance.id"] == "w-1"


def test_each_step_is_an_event_with_its_decision_and_none_is_dropped() -> None:
    span = run("succeeded", num_steps=300)
    assert len(span.events) == 301
    first, second, *_, last = (dict(event.attributes) for event in span.events)
    assert (first["specreason.decision"], first["specreason.score"]) == ("accepted", 8)
    assert (second["specreason.decision"], second["specreason.author"]) == ("rejected", "base")
    assert (last["specreason.phase"], "specreason.score" in last) == ("answer", False)


def test_an_error_gives_the_span_its_class_and_no_text_leaves_with_it() -> None:
    span = run("error", PromptTooLong(SECRET))
    assert span.attributes["error.type"] == "PromptTooLong"
    assert not span.status.is_ok
    assert SECRET not in span.to_json()


def test_without_a_collector_there_are_no_spans_and_jobs_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ENDPOINTS:
        monkeypatch.delenv(name, raising=False)
    spans = spans_to_collector("scripted", "w-1")
    span = spans.start(CLAIMED)
    span.see(accepted(0))
    span.end("succeeded")
    spans.close()


def test_variables_that_cannot_work_cost_the_spans_and_not_the_worker(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "-1")
    with caplog.at_level(logging.ERROR):
        spans_to_collector("scripted", "w-1").start(CLAIMED).end("succeeded")
    assert "OTEL_*" in caplog.text


@pytest.mark.parametrize("how", ["hangs", "fails"])
def test_a_collector_that_is_away_does_not_keep_a_worker_from_its_end(
    monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr(observing, "CLOSE_S", 0.01)
    end = threading.Event()

    def fail() -> None:
        raise OSError("away")

    shutdown: Callable[[], object] = end.wait if how == "hangs" else fail
    provider = provider_of("scripted", "w-1")
    monkeypatch.setattr(provider, "shutdown", shutdown)
    Spans("scripted", provider).close()
    end.set()
