"""OpenTelemetry: a span for each attempt at a job, with an event for each step; off unless it is asked for.

It is on where the standard variable OTEL_EXPORTER_OTLP_ENDPOINT (or …_TRACES_ENDPOINT) names a collector and the extra
`otel` is installed. Names follow the semantic conventions for generative AI where these have one, and begin with
`specreason.` elsewhere. No text of a user or a model leaves the worker so.
"""

from __future__ import annotations

import logging
import os
import threading
from typing import TYPE_CHECKING, Any

from specreason import __version__
from specreason.engines.base import Completion, Verdict
from specreason.reasoning.steps import StepRecord
from specreason.store.queue.claims import ClaimedJob

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Span

log = logging.getLogger(__name__)

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
# More than a job may have steps by default; the SDK keeps 128 events of a span unless told otherwise.
MOST_EVENTS = 2000
# Spans that wait for a collector, and those of one message: a long job's takes some hundred kilobytes.
MOST_WAITING, MOST_OF_A_MESSAGE = 256, 16
# Seconds that the end of a worker waits for a collector.
CLOSE_S = 5.0


class JobSpan:
    """The span of one attempt; without a provider it does nothing."""

    def __init__(self, span: Span | None) -> None:
        self._span = span
        self._input_tokens = 0
        self._output_tokens = 0

    def see(self, step: StepRecord) -> None:
        """Add the step's event."""
        if self._span is None:
            return
        calls: tuple[Completion | Verdict | None, ...] = (step.draft, step.verdict, step.written)
        self._input_tokens += sum(call.num_prompt_tokens for call in calls if call is not None)
        self._output_tokens += step.num_spent_tokens
        self._span.add_event("specreason.step", _known(_attributes_of(step)))

    def end(self, outcome: str, error: BaseException | None = None) -> None:
        """End the span; an error gives it the status and the class, not the message, which may quote a text."""
        if self._span is None:
            return
        from opentelemetry.trace import StatusCode

        self._span.set_attribute("specreason.outcome", outcome)
        self._span.set_attribute("gen_ai.usage.input_tokens", self._input_tokens)
        self._span.set_attribute("gen_ai.usage.output_tokens", self._output_tokens)
        if error is not None:
            self._span.set_attribute("error.type", type(error).__name__)
            self._span.set_status(StatusCode.ERROR)
        self._span.end()


class Spans:
    """Makes the spans of one worker's jobs. Without a provider it makes none."""

    def __init__(self, pair: str, provider: TracerProvider | None = None) -> None:
        self._pair = pair
        self._provider = provider
        self._tracer = None if provider is None else provider.get_tracer("specreason.worker", __version__)

    def start(self, claimed: ClaimedJob) -> JobSpan:
        """The span of an attempt that begins now."""
        if self._tracer is None:
            return JobSpan(None)
        config = claimed.config
        attributes = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "specreason",
            "gen_ai.request.model": self._pair,
            "gen_ai.request.temperature": config.temperature,
            "gen_ai.request.top_p": config.top_p,
            "gen_ai.request.seed": claimed.seed,
            "specreason.batch": str(claimed.batch_id),
            "specreason.job": str(claimed.job_id),
            "specreason.attempt": claimed.attempt,
            "specreason.fence": claimed.fence,
            "specreason.first_step": claimed.first_step,
            "specreason.repeat": claimed.repeat,
            "specreason.scheme": str(config.scheme),
        }
        return JobSpan(self._tracer.start_span(f"chat {self._pair}", attributes=_known(attributes)))

    def close(self) -> None:
        """Send what is still to be sent, for CLOSE_S at most: the engines are closed after it."""
        if self._provider is None:
            return
        sending = threading.Thread(target=_send_the_rest, args=(self._provider,), name="spans", daemon=True)
        sending.start()
        sending.join(CLOSE_S)
        if sending.is_alive():
            log.warning("spans: the collector does not take the last ones; they are lost")


def spans_to_collector(pair: str, worker: str) -> Spans:
    """Spans to the collector that the environment names.

    None if it names none, if the extra is not installed, or if its variables OTEL_* cannot work: jobs go before spans.
    """
    if not any(os.environ.get(name) for name in ENDPOINTS):
        return Spans(pair)
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        provider = provider_of(pair, worker)
        exporter: SpanExporter = OTLPSpanExporter()
        provider.add_span_processor(
            BatchSpanProcessor(exporter, max_queue_size=MOST_WAITING, max_export_batch_size=MOST_OF_A_MESSAGE)
        )
    except ImportError:
        log.warning(
            "spans: a collector is named, but not installed is what sends to it: pip install 'specreason[otel]'"
        )
        return Spans(pair)
    except Exception as error:
        log.error("spans: none are sent, because the variables OTEL_* cannot work: %s", error)
        return Spans(pair)
    return Spans(pair, provider)


def _send_the_rest(provider: TracerProvider) -> None:
    try:
        provider.shutdown()
    except Exception as error:
        log.warning("spans: the last ones are lost: %s", error)


def provider_of(pair: str, worker: str) -> TracerProvider:
    """A provider without a processor: the caller adds where its spans go."""
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import SpanLimits, TracerProvider

    named = {"service.name": "specreason-worker", "service.version": __version__}
    resource = Resource.create({**named, "service.instance.id": worker, "specreason.pair": pair})
    limits = SpanLimits(max_span_attributes=None, max_events=MOST_EVENTS)
    return TracerProvider(resource=resource, span_limits=limits, shutdown_on_exit=False)


def _attributes_of(step: StepRecord) -> dict[str, Any]:
    verdict = step.verdict
    return {
        "specreason.step": step.index,
        "specreason.phase": str(step.phase),
        "specreason.decision": str(step.decision),
        "specreason.author": None if step.author is None else str(step.author),
        "specreason.score": None if verdict is None else verdict.digit,
        "specreason.threshold": step.threshold,
        "specreason.kept_tokens": step.num_kept_tokens,
        "specreason.spent_tokens": step.num_spent_tokens,
        "specreason.engine_s": step.engine_s,
        "specreason.verify_s": None if verdict is None else verdict.latency_s,
    }


def _known(attributes: dict[str, Any]) -> dict[str, Any]:
    """Without those that nothing is known of: an attribute of a span is never None."""
    return {name: value for name, value in attributes.items() if value is not None}
