"""What observing costs a worker per step: `python -m benchmarks.observing [--steps N]`.

Conditions: one thread, no store, no engine; rejected steps, which have the most to count (a draft, a verdict, a second
text). Both are timed: what every step pays (metrics and the log's bound words), and what it pays with spans besides,
which are thrown away when they end. A step of the demo pair on two CPU cores takes some 50 ms, of a 32B model seconds.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable

from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from specreason.reasoning.steps import StepRecord
from tests.support.store.builders import rejected
from worker.observing.jobs import ObservedJob
from worker.observing.metrics import WorkerMetrics
from worker.observing.spans import JobSpan, provider_of

ROUNDS = 5
DEMO_STEP_S = 0.05


def best_of(rounds: int, job: Callable[[], ObservedJob], steps: list[StepRecord]) -> float:
    """The fewest seconds per step of several rounds."""
    taken = []
    for _ in range(rounds):
        observed, began = job(), time.perf_counter()
        for step in steps:
            observed.see(step)
        taken.append((time.perf_counter() - began) / len(steps))
    return min(taken)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=2000)
    steps = [rejected(index) for index in range(parser.parse_args().steps)]
    metrics, provider = WorkerMetrics("scripted"), provider_of("scripted", "benchmark")
    provider.add_span_processor(SimpleSpanProcessor(InMemorySpanExporter()))
    tracer = provider.get_tracer("benchmark")
    plain_s = best_of(ROUNDS, lambda: ObservedJob(metrics, JobSpan(None)), steps)
    spans_s = best_of(ROUNDS, lambda: ObservedJob(metrics, JobSpan(tracer.start_span("job"))), steps)
    print(f"{1e6 * plain_s:.1f} µs a step, {1e6 * spans_s:.1f} µs with spans")
    print(f"that is {plain_s / DEMO_STEP_S:.3%} and {spans_s / DEMO_STEP_S:.3%} of a step of {DEMO_STEP_S} s")
    print(json.dumps({"step_us": round(1e6 * plain_s, 2), "step_with_spans_us": round(1e6 * spans_s, 2)}))


if __name__ == "__main__":
    main()
