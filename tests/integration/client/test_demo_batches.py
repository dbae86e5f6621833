"""The demo's batches and its report, on a real API; a worker of the test's own ends the jobs."""

from __future__ import annotations

import io

import pytest
from rich.cells import cell_len
from rich.console import Console

from specreason.cli.local.demo import DemoReport, run_batches
from specreason.cli.local.stack import Stack
from specreason.cli.running import this_process
from specreason.cli.show.demo import print_a_trace, print_figures, print_queries
from specreason.client import Client
from specreason.embedded import Servers
from specreason.store.queue.jobs import JobResult, claim, finish
from specreason.store.queue.workers import NewWorker, register_worker
from specreason.store.read.query import read_only_query
from specreason.store.session import Database
from specreason.store.tables.states import JobState
from specreason.store.trace.grades import batches_to_grade, take_answers
from specreason.submission.problem import BUNDLED_PROBLEMS
from tests.support.store.grading import give


def test_the_demo_runs_each_scheme_waits_for_grades_and_reports(
    client: Client,
    url: str,
    *,
    servers: Servers,
    database: Database,
    database_url: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    new = NewWorker(pair="demo", pair_fingerprint="f", host="here", pid=1, slots=1)
    worker_id = register_worker(database, new, lease_s=600)

    def work() -> None:
        """End one job, grade one answer: as a worker would meanwhile."""
        for (job_id,) in read_only_query(database, "SELECT id FROM job WHERE state = 'queued' LIMIT 1").rows:
            job = claim(database, job_id, worker_id=worker_id, pair_fingerprint="f")
            assert job is not None
            assert finish(database, job, JobResult(state=JobState.SUCCEEDED, answer="4"))
            return
        for batch in batches_to_grade(database)[:1]:
            (answer,) = take_answers(database, batch.batch_id, limit=1)
            assert give(database, answer, is_correct=True)

    lines = BUNDLED_PROBLEMS.read_text().splitlines()[:2]
    out = io.StringIO()
    announced: list[str] = []
    console = Console(file=out, width=200)
    stack = Stack(
        running=this_process(
            api_url=url,
            database_url=database_url,
            broker_url=servers.broker_url,
            pair="demo",
            slots=1,
            data_dir="",
        ),
        database=database,
        services=(),
        check_servers=work,
    )
    report = DemoReport(batches=run_batches(stack, client, lines, announced.append))
    assert list(report.batches) == ["base", "drafter", "specreason"]
    assert report.all_succeeded
    assert [batch.num_graded for batch in report.batches.values()] == [2, 2, 2]
    assert report.speedup("base") == 1
    print_figures(console, report.batches, {name: report.speedup(name) for name in report.batches})
    narrow = Console(file=io.StringIO(), width=60, force_terminal=True, color_system=None)
    print_figures(narrow, report.batches, {name: report.speedup(name) for name in report.batches})
    lines = narrow.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert max(map(cell_len, lines)) <= 60
    assert any({"scheme", "pass@1", "s/job", "speedup"} <= set(line.split()) for line in lines)
    for scheme in report.batches:
        assert sum(line.split()[:1] == [scheme] and "×" in line for line in lines) == 1
    print_queries(console, database, report.batches["specreason"].batch_id)
    print_a_trace(console, client, report.batches["specreason"].batch_id)
    assert [line.split(",")[0] for line in announced] == [
        "Scheme 1 of 3: base",
        "Scheme 2 of 3: drafter",
        "Scheme 3 of 3: specreason",
    ]
    written = capsys.readouterr()
    assert written.out == ""
    for scheme in report.batches:
        assert written.err.count(f"demo {scheme}: 2 of 2 jobs ") == 1
    assert "1.00×" in out.getvalue()
    assert "succeeded; answer 4" in out.getvalue()
