"""What a worker counts of the steps that pass through it."""

from __future__ import annotations

from dataclasses import replace
from math import isnan

import pytest

from specreason.errors import LeaseLost, StoreUnavailable
from specreason.reasoning.steps import Odds, StepRecord
from tests.support.store.builders import accepted, answer, closed, rejected
from worker.observing.jobs import ObservedJob, ObservedSink
from worker.observing.metrics import WorkerMetrics
from worker.observing.now import Now
from worker.observing.spans import JobSpan


@pytest.fixture
def metrics() -> WorkerMetrics:
    return WorkerMetrics("scripted", num_restarts=2)


def value(metrics: WorkerMetrics, name: str, **labels: str) -> float:
    found = metrics.registry.get_sample_value(f"specreason_worker_{name}", labels)
    assert found is not None, name
    return found


def test_steps_are_counted_by_phase_and_decision_and_those_that_never_came_are_zero(
    metrics: WorkerMetrics,
) -> None:
    for step in (accepted(0), accepted(1), rejected(2), closed(3), answer(4)):
        metrics.see(step)
    assert value(metrics, "steps_total", phase="think", decision="accepted") == 2
    assert value(metrics, "steps_total", phase="think", decision="rejected") == 1
    assert value(metrics, "steps_total", phase="answer", decision="answer") == 1
    assert value(metrics, "steps_total", phase="think", decision="rejected_no_digit") == 0
    assert value(metrics, "step_seconds_count") == 5


def test_tokens_go_to_the_model_that_generated_them_and_a_verdict_is_one_of_the_base(
    metrics: WorkerMetrics,
) -> None:
    metrics.see(rejected(0))
    assert value(metrics, "spent_tokens_total", role="drafter") == 3
    assert value(metrics, "spent_tokens_total", role="base") == 4 + 1
    assert value(metrics, "kept_tokens_total", role="drafter") == 0
    assert value(metrics, "kept_tokens_total", role="base") == 4
    assert value(metrics, "prompt_tokens_total", role="base") == 60 + 40
    assert value(metrics, "cached_tokens_total", role="base") == 48 + 32
    assert value(metrics, "cached_tokens_total", role="drafter") == 32


def test_scores_are_a_distribution_and_no_digit_is_not_in_it(metrics: WorkerMetrics) -> None:
    for step in (accepted(0), rejected(1), rejected(2, digit=None)):
        metrics.see(step)
    assert value(metrics, "score_count") == 2
    assert value(metrics, "score_bucket", le="3.0") == 1
    assert value(metrics, "score_bucket", le="8.0") == 2
    assert value(metrics, "verdict_seconds_count") == 3
    assert value(metrics, "steps_total", phase="think", decision="rejected_no_digit") == 1


def test_acceptance_and_break_even_are_unknown_until_something_was_measured(metrics: WorkerMetrics) -> None:
    assert isnan(value(metrics, "acceptance"))
    assert isnan(value(metrics, "break_even"))
    odds = Odds(acceptance=0.9, break_even=0.4, tokens_since_draft=0)
    for step in (accepted(0), replace(accepted(1), odds=odds), rejected(2), rejected(3)):
        metrics.see(step)
    assert value(metrics, "acceptance") == pytest.approx(0.5)
    assert value(metrics, "break_even") == pytest.approx(0.4)


def test_a_worker_that_loads_its_pair_is_not_ready_and_has_no_jobs(metrics: WorkerMetrics) -> None:
    assert value(metrics, "ready") == 0
    assert value(metrics, "engine_restarts_total") == 2
    assert metrics.registry.get_sample_value("specreason_worker_slots") is None
    metrics.registered("w-1", "f-1")
    metrics.now.read = lambda: Now(in_flight=3, slots=16, kv_share=0.25, num_commits=4, num_stored=9)
    assert value(metrics, "ready") == 1
    assert value(metrics, "jobs_in_flight") == 3
    assert value(metrics, "kv_reserved") == 0.25
    assert value(metrics, "stored_steps_total") == 9
    labels = {"pair": "scripted", "worker": "w-1", "fingerprint": "f-1"}
    (info,) = (family for family in metrics.registry.collect() if family.name == "specreason_worker")
    assert labels.items() <= info.samples[0].labels.items()


def test_the_end_of_an_attempt_and_the_class_of_its_error_are_counted(metrics: WorkerMetrics) -> None:
    job = ObservedJob(metrics, JobSpan(None))
    job.ended("succeeded")
    job.ended("error", StoreUnavailable("away"))
    assert value(metrics, "attempts_ended_total", outcome="succeeded") == 1
    assert value(metrics, "attempts_ended_total", outcome="error") == 1
    assert value(metrics, "errors_total", error="StoreUnavailable") == 1


class Sink:
    """Takes the steps before `lost_at`; then the claim does not hold any more."""

    def __init__(self, lost_at: int) -> None:
        self.lost_at = lost_at

    async def append(self, record: StepRecord) -> None:
        if record.index >= self.lost_at:
            raise LeaseLost("claimed by someone else")

    async def flush(self) -> None:
        raise LeaseLost("claimed by someone else")


async def test_a_refused_step_is_counted_as_refused_and_not_as_a_step(metrics: WorkerMetrics) -> None:
    sink = ObservedSink(Sink(lost_at=1), ObservedJob(metrics, JobSpan(None)))
    await sink.append(accepted(0))
    with pytest.raises(LeaseLost):
        await sink.append(accepted(1))
    with pytest.raises(LeaseLost):
        await sink.flush()
    assert value(metrics, "refused_writes_total") == 2
    assert value(metrics, "steps_total", phase="think", decision="accepted") == 1
