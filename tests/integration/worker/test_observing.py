"""A worker that runs scripted jobs tells of them: every metric that a rule or a panel names is there."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen
from uuid import UUID

import pytest
from fastapi.testclient import TestClient
from prometheus_client import generate_latest

from specreason.config import RunConfig
from specreason.embedded import Servers
from specreason.engines.base import THINK_END, ModelPair
from specreason.engines.scripted.engine import ScriptedEngine, scripted_pair
from specreason.logs import json_lines
from specreason.settings import Settings
from specreason.store.access.visibility import Viewer
from specreason.store.queue.batches import NewBatch
from specreason.store.queue.problems import NewProblem, check
from specreason.store.read.summaries import read_job
from specreason.store.session import Database
from specreason.store.tables.states import JobState
from specreason.store.trace.writer import TraceWriter
from tests.support.api.apps import make_api
from tests.support.api.live import LOCAL
from tests.support.observability import BY, GIVEN, LABEL, SELECTOR, exposed, expressions
from tests.support.store.builders import PAIR, insert_batch, job_ids, start_worker
from tests.support.workers.harness import until, worker_harness
from worker.host import PairHost
from worker.observing.exposition import serve_metrics
from worker.observing.jobs import Observer
from worker.observing.metrics import WorkerMetrics
from worker.observing.spans import Spans
from worker.run_job import JobRunner

FAILING, FAILING_LATER = "This one breaks.", "This one breaks at its second step."


def broken_pair() -> ModelPair:
    """It writes two steps and an answer, and breaks on a problem that says so."""

    def draft(prompt: str, seed: int) -> str:
        if FAILING in prompt:
            raise RuntimeError("the engine broke")
        thinking = prompt.rpartition("<think>")[2]
        if FAILING_LATER in prompt and "A step." in thinking:
            raise RuntimeError("the engine broke")
        if THINK_END in thinking:
            return "\\boxed{4}"
        return "A step.\n\n" if thinking.count("\n\n") < 2 else THINK_END

    return scripted_pair(
        drafter=ScriptedEngine(respond=draft), base=ScriptedEngine(respond=draft, scores=[9, 3, None])
    )


@pytest.fixture
def metrics() -> WorkerMetrics:
    return WorkerMetrics(PAIR)


@pytest.fixture
def runner(database: Database, metrics: WorkerMetrics) -> Iterator[JobRunner]:
    pair = broken_pair()
    worker_id = start_worker(database, fingerprint=pair.fingerprint)
    writer, host = TraceWriter(database), PairHost()
    observer = Observer(metrics, Spans(PAIR))
    runner = JobRunner(
        database, writer, host, pair, worker_id=worker_id, settings=Settings(), observer=observer
    )
    metrics.registered(str(worker_id), pair.fingerprint)
    metrics.now.read = lambda: runner.now(16)
    yield runner
    runner.draining.set()
    for thread in threading.enumerate():
        if thread.name == "recalls":
            thread.join()  # it uses the database
    writer.close()
    host.close()


def submitted(database: Database, *problems: str) -> tuple[UUID, ...]:
    given = [NewProblem(text=problem) for problem in problems]
    new = NewBatch(name="seen", pair=PAIR, config=RunConfig(), problems=check(given))
    return job_ids(database, insert_batch(database, new))


def test_every_metric_and_label_that_a_rule_or_a_panel_names_is_exposed(
    servers: Servers, database: Database, runner: JobRunner, metrics: WorkerMetrics, files_dir: Path
) -> None:
    for job_id in submitted(database, "What is 2 + 2?", FAILING):
        runner(job_id)
    with TestClient(make_api(servers, database, files_dir=files_dir), base_url=LOCAL) as client:
        client.get("/api/health")
        texts = (client.get("/metrics").text, generate_latest(metrics.registry).decode())
    known = exposed(*texts)
    asked = list(expressions())
    assert len(asked) > 30
    for expression in asked:
        named = SELECTOR.findall(expression)
        assert named or expression.startswith("up{"), expression
        labels = set(GIVEN)
        for name, selected in named:
            assert name in known, f"{name} in {expression}"
            assert set(LABEL.findall(selected)) <= known[name] | GIVEN, f"{selected} of {name}"
            labels |= known[name]
        grouped = {label.strip() for group in BY.findall(expression) for label in group.split(",")}
        assert grouped <= labels, expression


def test_a_run_is_counted_from_its_steps_to_its_commits(
    database: Database, runner: JobRunner, metrics: WorkerMetrics
) -> None:
    fine, broken = submitted(database, "What is 2 + 2?", FAILING)
    runner(fine)
    runner(broken)
    value = metrics.registry.get_sample_value
    steps = sum(
        sample.value
        for family in metrics.registry.collect()
        for sample in family.samples
        if sample.name == "specreason_worker_steps_total"
    )
    assert steps == value("specreason_worker_stored_steps_total") > 3
    assert value("specreason_worker_commits_total") > 0
    assert value("specreason_worker_attempts_ended_total", {"outcome": "succeeded"}) == 1
    assert value("specreason_worker_attempts_ended_total", {"outcome": "error"}) == 1
    assert value("specreason_worker_errors_total", {"error": "RuntimeError"}) == 1
    assert value("specreason_worker_jobs_in_flight") == 0
    assert value("specreason_worker_kv_reserved") == 0


def test_a_line_about_a_job_names_the_batch_the_attempt_and_the_step(
    database: Database, runner: JobRunner, caplog: pytest.LogCaptureFixture
) -> None:
    lines: list[str] = []

    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(json_lines().format(record))

    (job_id,) = submitted(database, FAILING)
    log, kept = logging.getLogger("worker"), Kept()
    log.addHandler(kept)
    try:
        runner(job_id)
    finally:
        log.removeHandler(kept)
    (line,) = (line for line in lines if "tried again" in line)
    for words in (f'"job": "{job_id}"', '"attempt": 1', '"step": 0', '"batch": "', "RuntimeError"):
        assert words in line
    runner(job_id)


def test_a_line_about_the_failure_of_a_later_step_names_that_step(
    database: Database, runner: JobRunner, capsys: pytest.CaptureFixture[str]
) -> None:
    (job_id,) = submitted(database, FAILING_LATER)
    log, handler = logging.getLogger("worker"), logging.StreamHandler()
    handler.setFormatter(json_lines())
    log.addHandler(handler)
    try:
        runner(job_id)
    finally:
        log.removeHandler(handler)
    told = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line["step"] for line in told if "tried again" in line["event"]] == [1]


def test_an_attempt_whose_end_is_refused_is_counted_as_recalled(
    database: Database, runner: JobRunner, metrics: WorkerMetrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    (job_id,) = submitted(database, FAILING)
    monkeypatch.setattr("worker.run_job.retry", lambda *_, **__: False)
    runner(job_id)
    value = metrics.registry.get_sample_value
    assert value("specreason_worker_attempts_ended_total", {"outcome": "recalled"}) == 1
    assert value("specreason_worker_attempts_ended_total", {"outcome": "error"}) == 0


def test_metrics_that_fail_are_told_once_and_the_job_goes_on(
    database: Database,
    runner: JobRunner,
    metrics: WorkerMetrics,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(*_: object) -> None:
        raise ValueError("metrics are broken")

    monkeypatch.setattr(metrics, "see", broken)
    monkeypatch.setattr(metrics, "ended", broken)
    monkeypatch.setattr(Spans, "start", broken)
    (job_id,) = submitted(database, "What is 2 + 2?")
    runner(job_id)
    assert read_job(database, Viewer.EVERYONE, job_id).state == JobState.SUCCEEDED
    assert sum("lack a part" in line for line in caplog.messages) == 1


def test_metrics_are_served_on_the_port_that_the_settings_name(metrics: WorkerMetrics) -> None:
    assert serve_metrics(Settings(metrics_port=None), metrics.registry) is None
    port = serve_metrics(Settings(metrics_port=0), metrics.registry)
    assert port
    assert "specreason_worker_ready 0.0" in asked(port)
    # A second worker on the same port goes on without.
    assert serve_metrics(Settings(metrics_port=port), metrics.registry) is None
    # So does one whose host cannot be a name.
    assert serve_metrics(Settings(metrics_port=0, metrics_host="a..b"), metrics.registry) is None


def test_a_worker_s_process_tells_of_its_jobs_and_its_next_child_of_the_restart(
    servers: Servers, administration: Database
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    settings = {"metrics_port": port, "log_format": "json", "lease_s": 60}
    with worker_harness(servers, administration, settings) as harness:  # type: ignore[arg-type]
        worker = harness.worker()
        (job_id,) = harness.submit("What is 2 + 2?")
        harness.announce(job_id)
        harness.wait_for_ends(job_id)
        text = asked(port)
        assert 'specreason_worker_attempts_ended_total{outcome="succeeded"} 1.0' in text
        assert "specreason_worker_engine_restarts_total 0.0" in text
        first = worker.child_pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        until(lambda: worker.child_pid not in (None, first))
        assert "specreason_worker_engine_restarts_total 1.0" in asked(port)
        lines = (harness.folder / "workers.log").read_text().splitlines()
    told = [json.loads(line) for line in lines]
    assert "the worker's child ended with status -9" in [each["event"] for each in told]
    assert {each["level"] for each in told} <= {"info", "warning", "error"}


def asked(port: int) -> str:
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
        text: str = answer.read().decode()
    return text
