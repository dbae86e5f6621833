"""`specreason top` over a real API: a line for each look in a pipe, a line of JSON, and an API that goes away."""

from __future__ import annotations

import json
import sys

import pexpect
import pytest

from specreason.store.session import Database
from tests.support.shell import Shell
from tests.support.store.builders import PAIR, claimed, job_ids, start_worker, submit
from tests.support.terminal import Terminal


def test_a_look_has_queues_workers_and_batches(shell: Shell, database: Database) -> None:
    worker_id = start_worker(database)
    batch_id = submit(database, 3)
    claimed(database, job_ids(database, batch_id)[0], worker_id)
    seen = shell("top", "--looks", 1, "--json").json
    (queue,), (worker,), (batch,) = seen["queues"]["pairs"], seen["workers"], seen["batches"]
    assert (queue["pair"], queue["num_queued"], queue["num_running"]) == (PAIR, 2, 1)
    assert (worker["worker_id"], worker["num_running"]) == (str(worker_id), 1)
    assert batch["batch_id"] == str(batch_id)
    assert (seen["jobs_per_hour"], seen["acceptance"]) == (None, None)


def test_each_look_is_one_line(shell: Shell, database: Database) -> None:
    submit(database, 2)
    ended = shell("top", "--looks", 2, "--every", 0.2)
    assert (ended.status, len(ended.out.splitlines())) == (0, 2)
    assert f"{PAIR}: 2 queued, 0 running on 0 workers" in ended.out
    lines = shell("top", "--looks", 2, "--every", 0.2, "--json").out.splitlines()
    assert all(json.loads(line)["queues"]["pairs"] for line in lines)


def test_only_so_many_batches_are_shown(shell: Shell, database: Database) -> None:
    for _ in range(3):
        submit(database)
    assert len(shell("top", "--looks", 1, "--batches", 2, "--json").json["batches"]) == 2


def test_an_api_that_is_not_there_is_an_error_at_the_first_look(shell: Shell) -> None:
    ended = shell("top", "--looks", 1, "--api", "http://127.0.0.1:1", "--json")
    assert (ended.status, ended.json["error"]["exit_status"]) == (7, 7)


def test_a_key_without_the_scope_is_refused(locked: Shell) -> None:
    assert locked("top", "--looks", 1).status == 5


@pytest.mark.parametrize("columns", [60, 100])
def test_on_a_terminal_it_is_drawn_in_place_and_ctrl_c_ends_it_in_good_order(
    shell: Shell, database: Database, columns: int
) -> None:
    start_worker(database)
    submit(database, 3)
    terminal = Terminal(columns, {"SPECREASON_API_URL": shell.url})
    command = [sys.executable, "-m", "specreason.cli.main", "top", "--every", "0.2"]
    child = terminal.start(command)
    for _ in range(3):  # three drawings
        child.expect("newest batches")
    printed = child.before or ""
    child.sendintr()
    child.expect(pexpect.EOF)
    assert "Traceback" not in printed + (child.before or "")
    seen = terminal.seen(child)
    assert seen.status == 0
    assert sum("newest batches" in line for line in seen.lines) <= 1
    assert seen.text.count("0/3") == 1
