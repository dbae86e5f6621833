"""`specreason batch regrade` and `Client.regrade`: wrong gold answers are replaced, and the reports say so."""

from __future__ import annotations

import json
from pathlib import Path
from uuid import UUID

import pytest

from specreason.client import Client
from specreason.errors import InvalidField, NotFound
from specreason.store.queue.jobs import JobResult, finish
from specreason.store.session import Database
from specreason.store.tables.states import JobState
from tests.support.messages import names
from tests.support.shell import Shell
from tests.support.store.builders import claimed, job_ids, start_worker
from tests.support.store.grading import give, grade_all, waiting_in

STARTS = (15, 25, 35)
ASKED = (
    "Start with {}. A: add 3. B: subtract 4. C: add 8. D: subtract 2. Keep two digits at every step."
    " What is the result?"
)
ANSWERS = ("20", "30", "40")


def dataset(folder: Path, name: str, *golds: str) -> Path:
    rows = [
        {"id": f"q-{place}", "problem": ASKED.format(start), "answer": gold}
        for place, (start, gold) in enumerate(zip(STARTS, golds, strict=True))
    ]
    path = folder / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def wrong(tmp_path: Path) -> Path:
    return dataset(tmp_path, "wrong-gold.jsonl", "21", "30", "40")


@pytest.fixture
def right(tmp_path: Path) -> Path:
    return dataset(tmp_path, "right-gold.jsonl", *ANSWERS)


def run_all(client: Client, database: Database, problems: Path) -> str:
    """Submit the file, answer as ANSWERS and grade; the batch's id."""
    batch_id = client.submit(problems).batch_id
    worker_id = start_worker(database, pair="demo")
    for job_id, answer in zip(job_ids(database, batch_id), ANSWERS, strict=True):
        job = claimed(database, job_id, worker_id)
        assert finish(database, job, JobResult(state=JobState.SUCCEEDED, answer=answer))
    grade_all(database)
    return str(batch_id)


def test_a_wrong_gold_answer_is_replaced_and_pass_at_1_goes_to_1(
    shell: Shell, client: Client, database: Database, wrong: Path, right: Path
) -> None:
    ref = run_all(client, database, wrong)
    assert names(shell("batch", "show", ref).out, "0.67", "3 graded of 3")
    asked = shell("batch", "regrade", ref, "--answers", right)
    assert (asked.status, names(asked.err + asked.out, 3, "graded again", "batch watch")) == (0, True)
    shown = shell("batch", "show", ref)
    assert names(shown.out, "0.67", "3 old grades to be replaced")
    grade_all(database)
    shown = shell("batch", "show", ref, "--json").json
    assert (shown["pass_at_1"], shown["num_regrading"], shown["num_ungraded"]) == (1.0, 0, 0)
    again = shell("batch", "regrade", ref, "--json").json
    assert (again["num_changed"], again["num_regrading"]) == (3, 3)
    job = shell("job", "show", f"{ref}/0").out
    assert names(job, "quick 1", "the same text"), job


def test_what_does_not_fit_ends_with_a_status_of_its_own_and_a_name(
    shell: Shell, client: Client, database: Database, wrong: Path, tmp_path: Path
) -> None:
    ref = run_all(client, database, wrong)
    (tmp_path / "other.csv").write_text("id,answer\nq-7,1\n")
    for arguments, status, named in (
        (("--answers", tmp_path / "other.csv"), 2, ("q-7",)),
        (("--answers", tmp_path / "missing.jsonl"), 2, ("missing.jsonl",)),
        (("--grader", "leyers"), 2, ("leyers", "layers")),
    ):
        refused = shell("batch", "regrade", ref, *arguments)
        assert (refused.status, names(refused.err, *named)) == (status, True)
    assert shell("batch", "regrade", "no-such-batch").status == 4


def test_the_client_takes_answers_by_id_or_a_file_in_any_format(
    client: Client, database: Database, wrong: Path
) -> None:
    batch_id = client.find_batch(run_all(client, database, wrong))
    assert client.regrade(batch_id, {"q-0": 20}, "layers").num_changed == 3
    grade_all(database)
    assert client.batch(batch_id).pass_at_1 == 1.0
    assert client.regrade(batch_id, b'{"id": "q-1", "answer": "31"}').num_changed == 3
    grade_all(database)
    assert client.batch(batch_id).num_correct == 2
    with pytest.raises(InvalidField, match="q-8"):
        client.regrade(batch_id, {"q-8": "1"})
    with pytest.raises(NotFound):
        client.regrade(UUID(int=1))


def test_answers_given_up_and_grades_to_come_are_told(
    shell: Shell, client: Client, database: Database, wrong: Path
) -> None:
    ref = run_all(client, database, wrong)
    shell("batch", "regrade", ref)
    first, second, _ = waiting_in(database)
    for waiting in (first, second):
        give(database, waiting, is_correct=False, given_up=True)
    assert names(shell("batch", "show", ref).out, "2 answers given up", "1 old grade to be replaced")
    assert names(shell("job", "show", f"{ref}/0").out, "wrong (given up)", "exact 1", "given by hand")
    assert names(shell("job", "show", f"{ref}/2").out, "right, to be graded again")
