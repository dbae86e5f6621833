"""`specreason top`: what one moment says, and how fast jobs ended since the first look."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from rich.console import Console
from typer.testing import CliRunner

from specreason.cli.live.moments import Growth, Moment
from specreason.cli.live.view import line_of, view_of
from specreason.cli.main import app
from specreason.cli.waiting.bars import Bars
from specreason.client import Batch, Queue, Queues, Worker
from tests.support.client_batches import SUBMITTED, client_batch

QUEUE = Queue(
    pair="demo",
    num_queued=1200,
    num_announced=16,
    num_running=3,
    oldest_at=SUBMITTED,
    num_workers=1,
    slots=4,
)
WORKER = Worker(
    worker_id=UUID(int=7),
    pair="demo",
    pair_fingerprint="f",
    host="here",
    pid=11,
    gpu=None,
    alive=True,
    slots=4,
    num_running=3,
    num_attempts=9,
    num_lost=0,
    started_at=SUBMITTED,
    heartbeat_at=SUBMITTED,
    lease_expires_at=SUBMITTED,
    stopped_at=None,
)
BATCH = client_batch(
    created_at=datetime.now(UTC),
    num_queued=10,
    num_running=6,
    num_succeeded=8,
    num_drafted=40,
    num_accepted=30,
)


def moment(*queues: Queue, batches: tuple[Batch, ...] = (BATCH,), **values: Any) -> Moment:
    known = {
        "at": SUBMITTED + timedelta(seconds=90),
        "queues": Queues(pairs=queues, num_ungraded=5, num_graded=0, num_given_up=0),
        "workers": (WORKER,),
        "batches": batches,
        "jobs_per_hour": 430.0,
        "acceptance": 0.75,
    }
    return Moment(**(known | values))


def drawn(shown: Moment, width: int) -> list[str]:
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None)
    bars = Bars(console, ())
    bars.show_only(shown.batches)
    with console.capture() as capture:
        console.print(view_of(shown, bars, width))
    return capture.get().splitlines()


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_the_view_fits_any_terminal_and_says_the_same_as_the_api(width: int) -> None:
    lines = drawn(moment(QUEUE), width)
    assert all(len(line) <= width for line in lines)
    text = "\n".join(lines)
    for words in ("1,200", "430 jobs/h", "sums", "8/24"):
        assert words in text


def test_the_head_counts_slots_and_shows_what_waits_for_the_grader() -> None:
    head = drawn(moment(QUEUE), 120)[0]
    for words in ("1 live worker", "3/4 slots in use", "75% accepted", "5 to grade"):
        assert words in head


def test_a_deployment_without_anything_says_what_to_do() -> None:
    empty = moment(batches=(), workers=(), jobs_per_hour=None, acceptance=None)
    text = "\n".join(drawn(empty, 80))
    assert "0 live workers" in text
    assert "specreason submit" in text


def test_a_line_for_a_pipe_has_every_pair_in_it() -> None:
    line = line_of(moment(QUEUE, replace(QUEUE, pair="other", num_workers=0)))
    assert "demo: 1,200 queued, 3 running on 1 worker" in line
    assert "other: 1,200 queued, 3 running on 0 workers" in line
    assert "1 of the 1 newest batch open" in line
    assert "\n" not in line


def test_more_workers_than_the_list_has_are_counted() -> None:
    shown = moment(replace(QUEUE, num_workers=250))
    assert "250 live workers" in line_of(shown)
    many = drawn(replace(shown, workers=(WORKER,) * 9), 80)
    assert any("and 242 more workers" in line for line in many)


def test_until_a_job_ends_nothing_is_said_of_those_that_had_ended_before() -> None:
    done = replace(BATCH, num_queued=0, num_running=0, num_succeeded=24)
    assert "no job has ended since the first look" in line_of(moment(batches=(done,), jobs_per_hour=None))


def test_a_clock_that_is_behind_makes_no_negative_age() -> None:
    early = moment(replace(QUEUE, oldest_at=SUBMITTED + timedelta(seconds=95)))
    (row,) = (line for line in drawn(early, 80) if line.startswith("demo") and "1,200" in line)
    assert "0.0 s" in row
    assert "-" not in row


@pytest.mark.parametrize("every", ["nan", "inf", "1e12", "0.1", "-1", "soon"])
def test_a_pause_that_is_no_time_is_refused_before_the_api_is_asked(every: str) -> None:
    ended = CliRunner().invoke(app, ["top", "--every", every, "--api", "http://127.0.0.1:1"])
    assert ended.exit_code != 0
    assert "--every" in ended.output + str(ended.exception)


def test_a_name_with_control_characters_moves_no_cursor() -> None:
    nasty = moment(replace(QUEUE, pair="a\x1b[2Jb"), batches=(replace(BATCH, name="x\x1b[2Jy"),))
    assert "\x1b[2J" not in "\n".join(drawn(nasty, 80)) + line_of(nasty)


def test_only_what_ended_while_somebody_looked_is_counted() -> None:
    growth = Growth()
    growth.see([BATCH])
    assert (growth.num_ended, growth.acceptance([BATCH])) == (0, 0.75)
    later = replace(BATCH, num_running=4, num_succeeded=10, num_drafted=50, num_accepted=32)
    newer = client_batch(batch_id=UUID(int=1), num_succeeded=100, num_drafted=9, num_accepted=9)
    growth.see([newer, later])
    assert (growth.num_ended, growth.acceptance([newer, later])) == (2, 0.2)
    growth.see([newer, replace(later, num_queued=12, num_succeeded=8)])
    assert growth.num_ended == 2
