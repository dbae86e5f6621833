"""What is said of batches that are waited for, and how it fits into terminals of any width."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from rich.console import Console

from specreason.cli.show.submission import look_again
from specreason.cli.waiting.bars import Bars
from specreason.cli.waiting.progress import (
    details_in_words,
    ended_in_words,
    fitted,
    jobs_in_words,
    label_of,
    outage_in_words,
    shortened,
)
from specreason.client import Batch
from specreason.errors import LimitReached, Unreachable
from tests.support.client_batches import SUBMITTED, client_batch
from tests.support.messages import names

RUNNING = client_batch(
    num_queued=10, num_running=6, num_succeeded=5, num_failed=3, num_drafted=4, num_accepted=3
)
PAUSED = replace(RUNNING, paused_at=SUBMITTED)
OVER = client_batch(num_succeeded=22, num_failed=2, finished_at=SUBMITTED + timedelta(seconds=100))
GRID = [
    replace(RUNNING, batch_id=UUID(int=number), name=f"the first try of many specreason >={number}")
    for number in (5, 7)
]


def drawn(batches: list[Batch], width: int) -> list[str]:
    out = io.StringIO()
    console = Console(file=out, width=width, color_system=None)
    console.print(Bars(console, batches))
    return out.getvalue().splitlines()


@pytest.mark.parametrize(
    ("num_succeeded", "num_queued", "words"),
    [(0, 1, "0 of 1 job ended"), (1, 0, "1 of 1 job ended"), (1, 2, "1 of 3 jobs ended")],
)
def test_one_job_is_not_jobs(num_succeeded: int, num_queued: int, words: str) -> None:
    assert jobs_in_words([client_batch(num_succeeded=num_succeeded, num_queued=num_queued)]) == words


def test_details_are_dropped_kind_by_kind_and_the_state_stays() -> None:
    assert [details_in_words([RUNNING], 2.0, drop=drop) for drop in range(4)] == [
        "3 without success, 2.0/s, about 8 s left, 75% accepted",
        "3 without success, about 8 s left, 75% accepted",
        "3 without success, about 8 s left",
        "3 without success",
    ]


def test_a_paused_batch_says_so_and_has_no_time_left() -> None:
    assert details_in_words([PAUSED], 2.0) == "paused, 3 without success, 75% accepted"
    # Of several, only what goes on has a time.
    assert names(details_in_words([PAUSED, RUNNING], 2.0), "about 8 s left")


def test_the_last_line_says_how_long_it_took_and_how_the_jobs_ended() -> None:
    assert names(ended_in_words(OVER), "sums", "24 of 24 jobs", "1 min 40 s", "22 succeeded", "2 failed")
    assert "left" not in ended_in_words(OVER)


def test_answers_that_wait_for_their_grades_are_counted() -> None:
    assert names(details_in_words([replace(OVER, num_ungraded=3)], 0.0), "3 to grade")


def test_an_outage_says_for_how_long_and_a_refusal_says_why() -> None:
    assert names(outage_in_words(12.3, Unreachable("gone")), "does not answer", "12 s", "trying again")
    assert names(outage_in_words(1, LimitReached("slow down", retry_after_s=9)), "slow down", "trying again")


def test_one_command_looks_at_all_batches_again() -> None:
    refs = ["00000001", "00000002", "first try"]
    assert look_again(refs, None) == "`specreason batch watch 00000001 00000002 'first try'`"
    assert look_again(refs[:1], "http://here").endswith("00000001 --api http://here`")
    assert look_again(refs[:1], "http://here/?a&b").endswith("00000001 --api 'http://here/?a&b'`")


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
@pytest.mark.parametrize("batches", [[RUNNING], [PAUSED], [OVER], GRID])
def test_every_line_of_bars_fits_and_keeps_counts_and_state(batches: list[Batch], width: int) -> None:
    lines = drawn(batches, width)
    assert len(lines) == len(batches)
    for line, batch in zip(lines, batches, strict=True):
        assert len(line) <= width
        assert f" {batch.num_ended}/{batch.num_jobs}" in line
        assert details_in_words([batch], 0.0, drop=3) in line


def test_a_wide_terminal_shows_a_bar_and_a_narrow_one_gives_up_details_before_it() -> None:
    details = [50, 35, 20, 8]
    found = [fitted(width, label=19, counts=4, clock=7, details=details) for width in (120, 80, 60, 45)]
    assert [layout.drop for layout in found] == sorted(layout.drop for layout in found)
    assert [layout.bar > 0 for layout in found] == [True, True, True, False]
    assert [layout.label for layout in found] == [19, 19, 19, 19]


def test_names_of_a_grid_stay_different_where_they_are_cut() -> None:
    cut = [shortened(label_of(batch), 16) for batch in GRID]
    assert len(set(cut)) == len(GRID)
    assert max(map(len, cut)) <= 16


def test_the_outage_is_a_line_of_its_own_until_the_api_is_back() -> None:
    out = io.StringIO()
    console = Console(file=out, width=80, color_system=None)
    bars = Bars(console, [RUNNING])
    bars.tell_outage(3.0, Unreachable("gone"))
    console.print(bars)
    assert "does not answer" in out.getvalue().splitlines()[-1]
    bars.show(RUNNING)
    assert "answers again" in out.getvalue().splitlines()[-1]
    console.print(bars)
    assert "does not answer" not in out.getvalue().splitlines()[-1]


def test_until_a_job_has_ended_the_bar_says_how_many_run_and_wait() -> None:
    fresh = replace(RUNNING, num_queued=21, num_running=3, num_succeeded=0, num_failed=0, num_drafted=0)
    assert details_in_words([fresh], 0.0) == "3 running, 21 queued"


def test_the_first_of_many_jobs_in_flight_say_nothing_of_the_time_left() -> None:
    one_of_many = replace(RUNNING, num_queued=7, num_running=16, num_succeeded=1, num_failed=0)
    assert "left" not in details_in_words([one_of_many], 0.1)
    assert "left" in details_in_words([replace(one_of_many, num_running=1)], 0.1)
