"""`specreason eval` at an API: it runs a grid, goes on where it stopped, and adds only what is missing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from specreason.cli.evaluating import submission
from specreason.cli.evaluating.asked import Asked
from specreason.client import Client, short_id
from specreason.evaluation.plan.missing import Planned
from specreason.store.queue.claims import ClaimedJob
from specreason.store.queue.jobs import JobResult
from specreason.store.read.query import read_only_query
from specreason.store.session import Database
from specreason.store.tables.states import JobState
from tests.support.messages import names
from tests.support.shell import Shell
from tests.support.workers.answering import answering

JOBS = """SELECT batch.pair, batch.config ->> 'scheme', batch.config ->> 'threshold',
    problem.index, job.repeat, job.seed
FROM job JOIN batch ON batch.id = job.batch_id JOIN problem ON problem.id = job.problem_id"""
EVAL = ("eval", "--limit", 3, "--schemes", "base,specreason")


def jobs(database: Database) -> list[tuple[Any, ...]]:
    """Pair, scheme, threshold, problem, repeat and seed of every job."""
    return sorted(read_only_query(database, JOBS).rows, key=repr)


def num_batches(database: Database) -> int:
    count: int = read_only_query(database, "SELECT count(*) FROM batch").rows[0][0]
    return count


@pytest.fixture
def sums(tmp_path: Path) -> Path:
    path = tmp_path / "sums.csv"
    path.write_text("question,solution\nWhat is 2 + 2?,4\nWhat is 3 + 1?,4\nWhat is 5 + 1?,6\n")
    return path


def test_an_eval_runs_each_cell_as_a_tagged_batch_and_prints_a_row_for_each(
    shell: Shell, client: Client, database: Database, sums: Path
) -> None:
    with answering(database, "demo"):
        ended = shell(
            *("eval", "--dataset", sums, "--problem", "question", "--answer", "solution", "--name", "mine"),
            *("--schemes", "base,specreason", "--thresholds", "5,7", "--repeats", 2, "--json"),
        )
    assert ended.status == 0
    cells = ended.json["cells"]
    assert [cell["label"] for cell in cells] == ["base", "specreason at 5", "specreason at 7"]
    assert [(cell["num_jobs"], cell["num_graded"]) for cell in cells] == [(6, 6)] * 3
    assert [round(cell["pass_at_1"]["mean"], 3) for cell in cells] == [0.667] * 3
    assert [cell["speedup"] is None for cell in cells] == [True, False, False]
    assert names(ended.err, "specreason report --eval mine")
    found = list(client.batches(eval="mine"))
    assert {(batch.metadata["eval"], batch.metadata["dataset"]) for batch in found} == {("mine", "sums")}
    assert sorted(batch.priority for batch in found) == [-2, -1, 0]
    assert not list(client.batches(eval="another"))
    table = shell("batch", "list", "--eval", "mine").out
    assert table.count("mine") == 3


def test_an_eval_ends_with_its_report_and_looks_at_the_folder_before_it_runs(
    shell: Shell, client: Client, database: Database, sums: Path, tmp_path: Path
) -> None:
    asked = ("eval", "--dataset", sums, "--problem", "question", "--answer", "solution", "--schemes", "base")
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "mine.txt").write_text("mine")
    refused = shell(*asked, "--report", tmp_path / "taken")
    assert refused.status == 2
    assert names(refused.err, "--report", "taken")
    assert num_batches(database) == 0
    with answering(database, "demo"):
        ended = shell(*asked, "--report", tmp_path / "drawn")
    assert ended.status == 0
    assert names(ended.err, str(tmp_path / "drawn" / "report.html"))
    assert "accuracy_latency" in (tmp_path / "drawn" / "report.html").read_text()


def test_the_table_has_pass_at_1_latency_and_the_speedup_over_shared_jobs(
    shell: Shell, database: Database
) -> None:
    with answering(database, "demo"):
        ended = shell(*EVAL)
    head, base, specreason = ended.out.splitlines()
    assert names(head, "cell", "pass@1", "95 %", "in flight", "speedup")
    assert base.split()[:3] == ["base", "demo", "3/3"]
    assert "×" in specreason
    assert "×" not in base
    assert names(ended.err, "all cells:", "6 jobs")


def test_run_again_it_submits_nothing_and_exits_at_once(shell: Shell, database: Database) -> None:
    with answering(database, "demo"):
        first = shell(*EVAL, "--json")
    again = shell(*EVAL, "--json")  # no worker: there is nothing to wait for
    assert again.json == first.json
    assert names(again.err, "submitted already")
    assert num_batches(database) == 2


def test_more_repeats_run_only_those_that_are_missing_and_with_the_seeds_of_one_run(
    shell: Shell, database: Database
) -> None:
    with answering(database, "demo"):
        for repeats in (2, 4):
            grown = shell(*EVAL, "--repeats", repeats, "--json")
        in_two = jobs(database)
        whole = shell(*EVAL, "--repeats", 4, "--name", "whole", "--json")
    assert num_batches(database) == 6
    assert len(in_two) == 2 * 3 * 4
    assert jobs(database) == sorted(in_two * 2, key=repr)
    assert [cell["num_jobs"] for cell in grown.json["cells"]] == [12, 12]
    assert [len(cell["batch_ids"]) for cell in grown.json["cells"]] == [2, 2]
    assert whole.status == 0


def test_a_further_scheme_and_threshold_add_only_their_cells(shell: Shell, database: Database) -> None:
    with answering(database, "demo"):
        shell(*EVAL)
        ended = shell(
            "eval", "--limit", 3, "--schemes", "base,drafter,specreason", "--thresholds", "5,7", "--json"
        )
    assert [cell["label"] for cell in ended.json["cells"]] == [
        *("base", "drafter", "specreason at 5", "specreason at 7")
    ]
    assert num_batches(database) == 4
    assert len(set(jobs(database))) == len(jobs(database)) == 4 * 3


@pytest.mark.parametrize("killed_after", [0, 1, 2])
def test_killed_while_it_submits_and_run_again_it_has_the_jobs_of_one_that_was_never_killed(
    shell: Shell, database: Database, monkeypatch: pytest.MonkeyPatch, killed_after: int
) -> None:
    class Killed(Exception):
        pass

    whole = submission.submitted

    def some(client: Client, asked: Asked, cells: Sequence[Planned]) -> Any:
        yield from islice(whole(client, asked, cells), killed_after)
        raise Killed

    line = ("eval", "--limit", 3, "--schemes", "base,drafter,specreason", "--repeats", 2, "--name")
    with monkeypatch.context() as dying:
        dying.setattr("specreason.cli.evaluating.running.submitted", some)
        with pytest.raises(Killed):
            shell(*line, "killed")
    assert num_batches(database) == killed_after
    with answering(database, "demo"):
        assert shell(*line, "killed").status == 0
        resumed = jobs(database)
        shell(*line, "whole")
    assert jobs(database) == sorted(resumed * 2, key=repr)


def test_a_killed_process_leaves_its_batches_and_the_same_command_waits_for_them(
    shell: Shell, url: str, database: Database
) -> None:
    command = [sys.executable, "-m", "specreason.cli.main", *map(str, EVAL), "--api", url]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "all cells" in line:
                break
        os.kill(process.pid, signal.SIGKILL)
        process.stderr.read()
    before = jobs(database)
    assert len(before) == 6
    with answering(database, "demo"):
        assert shell(*EVAL).status == 0
    assert jobs(database) == before


def test_token_level_schemes_run_on_the_pair_whose_base_speculates(shell: Shell, database: Database) -> None:
    with answering(database, "demo", "demo-decode"):
        ended = shell("eval", "--limit", 2, "--json")
    assert {(cell["scheme"], cell["pair"]) for cell in ended.json["cells"]} == {
        ("base", "demo"),
        ("drafter", "demo"),
        ("specreason", "demo"),
        ("specdecode", "demo-decode"),
        ("specreason+decode", "demo-decode"),
    }


def test_a_pair_that_no_worker_serves_is_said_and_left_out_unless_it_is_asked_for(
    shell: Shell, database: Database
) -> None:
    with answering(database, "demo"):
        by_default = shell("eval", "--limit", 2, "--json")
        asked_for = shell("eval", "--limit", 2, "--schemes", "specdecode", "--timeout", 0.5)
    assert {cell["pair"] for cell in by_default.json["cells"]} == {"demo"}
    assert asked_for.status == 8
    assert names(asked_for.err, "no worker", "'demo-decode'", "the same command goes on")


def test_a_dry_run_tells_what_is_there_and_what_is_missing_and_sends_nothing(
    shell: Shell, database: Database
) -> None:
    with answering(database, "demo"):
        shell(*EVAL, "--repeats", 2)
    dry = (*EVAL, "--repeats", 5, "--thresholds", "7,8", "--dry-run")
    cells = shell(*dry, "--json").json["cells"]
    told = [(cell["label"], cell["num_repeats_there"], cell["num_repeats_missing"]) for cell in cells]
    assert told == [("base", 2, 3), ("specreason at 7", 2, 3), ("specreason at 8", 0, 5)]
    assert [cell["num_jobs_to_run"] for cell in cells] == [9, 9, 15]
    assert names(shell(*dry).err, "33 jobs to run", "nothing was sent")
    assert num_batches(database) == 2


def test_jobs_without_success_are_said_with_the_command_that_runs_them_again(
    shell: Shell, client: Client, database: Database
) -> None:
    def result(job: ClaimedJob) -> JobResult:
        return (
            JobResult(state=JobState.FAILED, error="too long")
            if job.repeat
            else JobResult(state=JobState.SUCCEEDED, answer="4")
        )

    with answering(database, "demo", result=result):
        failed = shell("eval", "--limit", 2, "--schemes", "base", "--repeats", 2)
    (batch,) = client.batches(eval="demo-demo")
    assert failed.status == 3
    assert names(failed.err, "2 failed", f"specreason batch retry {short_id(batch.batch_id)}")
    assert shell("batch", "retry", short_id(batch.batch_id)).status == 0
    with answering(database, "demo"):
        assert shell("eval", "--limit", 2, "--schemes", "base", "--repeats", 2).status == 0


def test_a_wait_that_is_over_says_that_the_same_command_goes_on(shell: Shell, database: Database) -> None:
    stopped = shell(*EVAL, "--timeout", 0.3)
    assert stopped.status == 8
    assert names(stopped.err, "jobs have not ended", "the same command goes on")
    assert num_batches(database) == 2


@pytest.mark.parametrize(("repeats", "status"), [(2, 0), (4, 6)])
def test_two_evals_at_once_submit_nothing_twice(
    shell: Shell, database: Database, monkeypatch: pytest.MonkeyPatch, repeats: int, status: int
) -> None:
    with answering(database, "demo"):
        shell(*EVAL, "--repeats", 2)
        before = jobs(database)
        with monkeypatch.context() as early:
            # It has looked before the first one submitted.
            early.setattr("specreason.cli.evaluating.running.stored_batches", lambda client, asked: {})
            ended = shell(*EVAL, "--repeats", repeats)
    assert ended.status == status
    assert jobs(database) == before
    assert status == 0 or names(ended.err, "another command", "again")
