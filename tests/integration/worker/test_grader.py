"""The grader with its bounded helpers: costly answers, killed helpers, turns, and a worker that stops."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from specreason.children import spawn_module, stop
from specreason.errors import GraderUnusable, InvalidField, StoreUnavailable
from specreason.grading.bounded import BoundedGrader
from specreason.store.access.visibility import Viewer
from specreason.store.read.summaries import read_batch, read_job
from specreason.store.session import Database
from specreason.store.trace.grades import MOST_MARKS, batches_to_grade, insert_grades, take_answers
from specreason.store.trace.regrade import regrade_batch
from tests.support.store.builders import job_ids
from tests.support.store.grading import answered, let_leases_run_out
from tests.support.store.sql import execute, rows_of, scalar
from worker.grader import Graders, Turns, grade_pending

# Each asks for more time, memory or depth than there is.
POISONS = (
    r"\lfloor 2.5^{100000000000}\rfloor",
    r"\binom{3000000000}{1500000000}",
    r"\frac{6^{6^{6^{6}}}-6}{10}",
    r"x^{2^{3^{4^{5}}}}+1",
    r"((((9^9)^9)^9)^9)^9",
    r"(10^{9})!",
    r"\sum_{n=1}^{10^{12}} \frac{1}{n^3}",
    r"\prod_{k=1}^{99999999} \sin(k)",
    "(" * 5000 + "x" + ")" * 5000,
    "[" * 5000,
    r"\frac{1}{" * 3000 + "2" + "}" * 3000,
    "7" * 6021,
    "7" * 20_000,
    r"\boxed{" * 5000,
)
# Graders of a package of a user's own.
GRADERS = """
import os, time
from specreason.grading.verdict import Verdict

def lenient(answer, gold):
    print("noise on stdout")
    return Verdict(is_correct=gold.lower() in (answer or "").lower(), layer="contains", why="the gold answer is in it")

def hostile(answer, gold):
    if answer == "time":
        while True: pass
    if answer in ("sleep", "nap"):
        time.sleep(60 if answer == "sleep" else 0.7)
    if answer == "memory":
        return len(bytearray(20 << 30))
    if answer == "depth":
        return hostile("depth", gold)
    if answer == "exit":
        os._exit(3)
    if answer == "crash":
        os.abort()
    if answer == "raises":
        raise ValueError("no\\x1b such")
    if answer == "bool":
        return True
    return Verdict(is_correct=True, layer="test", why="w" * 10_000)
"""
ENTRY_POINTS = """[specreason.graders]
lenient = own_graders:lenient
hostile = own_graders:hostile
broken = nowhere_at_all:grade
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install a package with graders for this process and those that it starts."""
    (tmp_path / "own_graders.py").write_text(GRADERS)
    info = tmp_path / "own_graders-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: own-graders\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))


@pytest.fixture(scope="module")
def grader() -> Iterator[BoundedGrader]:
    """The project's own, with a helper that the tests of this module share."""
    with BoundedGrader(cpu_s=1) as grader:
        yield grader


@pytest.fixture(scope="module")
def graders(grader: BoundedGrader) -> Iterator[Graders]:
    with Graders() as graders:
        graders._by_name[None] = grader
        yield graders


def pid_of(grader: BoundedGrader) -> int:
    assert grader._helper is not None
    return grader._helper.process.pid


@pytest.mark.parametrize("poison", POISONS, ids=lambda poison: poison[:12])
def test_no_answer_and_no_gold_answer_costs_more_than_its_bounds(grader: BoundedGrader, poison: str) -> None:
    assert not grader.grade("123", poison).is_correct
    assert not grader.grade(poison, "123").is_correct
    assert grader.grade(poison, poison).is_correct or len(poison) > 40
    assert grader.grade("1/2", "0.5").is_correct


@pytest.mark.usefixtures("package")
def test_a_grader_of_ones_own_is_found_by_name_and_bounded_alike() -> None:
    with BoundedGrader("lenient") as lenient:
        grade = lenient.grade("It is RED.", "red")
    assert (grade.grader, grade.is_correct, grade.layer) == ("lenient 1.2", True, "contains")
    with BoundedGrader("hostile", clock_s=0.5) as hostile:
        assert "more than 0.5 s" in hostile.grade("sleep", "4").why
    with BoundedGrader("hostile", cpu_s=1, memory_bytes=256 << 20) as hostile:
        given_up = {
            "time": "processor time",
            "memory": "256 MiB",
            "depth": "too deeply",
            "exit": "status 3",
            "crash": "status -6",
            "raises": "ValueError: no",
            "bool": "returned bool, not a Verdict",
        }
        for answer, why in given_up.items():
            grade = hostile.grade(answer, "4")
            assert (grade.given_up, grade.is_correct, grade.layer) == (True, False, "given up")
            assert why in grade.why
        fine = hostile.grade("fine", "4")
        assert (fine.given_up, fine.is_correct, len(fine.why)) == (False, True, 1_000)


@pytest.mark.usefixtures("package")
def test_a_grader_that_is_not_there_or_cannot_be_loaded_is_refused_by_name() -> None:
    with pytest.raises(InvalidField, match=r"'layers', 'broken', 'hostile' or 'lenient'.*lenient"):
        BoundedGrader("leniant")
    with BoundedGrader("broken") as broken, pytest.raises(GraderUnusable, match=r"broken.*nowhere_at_all"):
        broken.grade("4", "4")


def test_a_helper_that_somebody_kills_costs_no_answer_its_grade(grader: BoundedGrader) -> None:
    assert grader.grade("4", "4").is_correct
    os.kill(pid_of(grader), signal.SIGKILL)
    assert grader.grade("4.0", "4").is_correct


def test_a_helper_that_is_stopped_is_replaced_even_if_the_answer_fills_the_pipe() -> None:
    with BoundedGrader(clock_s=0.5) as grader:
        assert grader.grade("4", "4").is_correct
        os.kill(pid_of(grader), signal.SIGSTOP)
        assert "0.5 s" in grader.grade("4" * 3_000_000, "4").why


def test_a_helper_ends_with_the_process_that_started_it() -> None:
    script = "import os, sys; from specreason.grading.bounded import BoundedGrader as G; g = G();"
    script += "g.grade('4', '4'); print(g._helper.process.pid, flush=True); os.kill(os.getpid(), 9)"
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    path = Path(f"/proc/{int(ended.stdout)}/cmdline")
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and path.exists() and path.read_bytes():
        time.sleep(0.05)
    assert not path.exists() or not path.read_bytes()


def grade_all(database: Database, graders: Graders, turns: Turns) -> None:
    while batches_to_grade(database):
        grade_pending(database, graders, turns)


def test_grades_name_their_grader_layer_and_reason(database: Database, graders: Graders) -> None:
    batch_id = answered(database, "4.0", "5", None)
    grade_all(database, graders, Turns())
    jobs = [read_job(database, Viewer.EVERYONE, job_id) for job_id in job_ids(database, batch_id)]
    assert [job.is_correct for job in jobs] == [True, False, False]
    assert all((job.graded_by or "").startswith("layers ") for job in jobs)
    assert (jobs[0].grade_detail or "").startswith("number: ")


def test_an_outage_while_grades_are_stored_leaves_no_mark_of_a_dead_grader(
    database: Database, graders: Graders, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch_id = answered(database, "4")
    outages = [StoreUnavailable("database: away"), StoreUnavailable("database: still away")]

    def stored(*given: Any) -> int:
        if outages:
            raise outages.pop()
        return insert_grades(*given)

    monkeypatch.setattr("worker.grader.insert_grades", stored)
    monkeypatch.setattr("worker.grader.AWAY_S", 0.01)
    assert grade_pending(database, graders, Turns()) == 1
    assert read_batch(database, Viewer.EVERYONE, batch_id).num_correct == 1


def test_a_batch_full_of_costly_answers_delays_others_by_one_turn(database: Database, package: None) -> None:
    costly = answered(database, *["sleep"] * 20)
    ordinary = answered(database, *["fine"] * 150)
    for batch_id in (costly, ordinary):
        regrade_batch(database, Viewer.EVERYONE, batch_id, grader="hostile")
    turns = Turns()
    with Graders() as graders:
        graders._by_name["hostile"] = BoundedGrader("hostile", clock_s=1.5)
        num_turns = 0
        while read_batch(database, Viewer.EVERYONE, ordinary).num_correct < 150:
            grade_pending(database, graders, turns)
            num_turns += 1
    # A turn ends after a second, or with the costly answer that it has begun.
    assert read_batch(database, Viewer.EVERYONE, costly).num_given_up <= num_turns
    assert read_batch(database, Viewer.EVERYONE, costly).num_graded < 20
    assert scalar(database, "SELECT count(*) FROM job WHERE grading_until IS NOT NULL") == 0


def test_an_answer_that_ends_each_grader_is_given_up_and_says_so(
    database: Database, graders: Graders
) -> None:
    batch_id = answered(database, "4")
    for _ in range(MOST_MARKS):
        assert take_answers(database, batch_id, limit=9)
        let_leases_run_out(database)
    grade_all(database, graders, Turns())
    (job,) = (read_job(database, Viewer.EVERYONE, job_id) for job_id in job_ids(database, batch_id))
    assert (job.is_correct, job.given_up) == (False, True)
    assert f"{MOST_MARKS} grader processes" in (job.grade_detail or "")


def test_answers_wait_for_a_worker_that_can_load_their_grader(
    database: Database, package: None, caplog: pytest.LogCaptureFixture
) -> None:
    batch_id = answered(database, "4")
    turns = Turns()
    with Graders() as graders:
        regrade_batch(database, Viewer.EVERYONE, batch_id, grader="not-installed")
        assert grade_pending(database, graders, turns) == 0
        regrade_batch(database, Viewer.EVERYONE, batch_id, grader="broken")
        assert grade_pending(database, graders, turns) == 0
        assert batches_to_grade(database, graders=graders.usable()) == ()
    assert "nowhere_at_all" in caplog.text
    assert rows_of(database, "SELECT num_grading_attempts, grading_until FROM job") == [(0, None)]
    assert read_batch(database, Viewer.EVERYONE, batch_id).num_ungraded == 1


def test_a_grader_that_is_told_to_stop_gives_back_what_it_has_and_a_killed_one_loses_nothing(
    database: Database, database_url: str, package: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPECREASON_DATABASE_URL", database_url)
    batch_id = answered(database, *["sleep"] * 3)
    regrade_batch(database, Viewer.EVERYONE, batch_id, grader="hostile")

    def taking() -> None:
        deadline = time.monotonic() + 60
        while not scalar(database, "SELECT count(*) FROM job WHERE grading_until > now()"):
            assert time.monotonic() < deadline
            time.sleep(0.05)

    killed = spawn_module("worker.grader")
    taking()
    killed.kill()
    killed.wait()
    assert scalar(database, "SELECT count(*) FROM grade") == 0
    let_leases_run_out(database)
    execute(database, "UPDATE job SET answer = 'nap', num_grading_attempts = 0")
    stopped = spawn_module("worker.grader")
    try:
        taking()
        assert stop(stopped, grace_s=60) == 0
    finally:
        stopped.kill()
    assert scalar(database, "SELECT count(*) FROM job WHERE grading_until IS NOT NULL") == 0
    assert (
        scalar(database, "SELECT count(*) + (SELECT count(*) FROM job WHERE graded_at IS NULL) FROM grade")
        == 3
    )
