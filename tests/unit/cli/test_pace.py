"""How fast jobs end, as the commands report it."""

from __future__ import annotations

import pytest

from specreason.cli.waiting.pace import (
    LINE_EVERY_S,
    Beat,
    Pace,
    clock_in_words,
    duration_in_words,
)
from specreason.evaluation.pace import left_in_words, rate_in_words


def test_the_pace_is_that_of_now_and_not_of_the_time_before_a_worker_came() -> None:
    pace = Pace()
    for second in range(300):
        assert pace.update(second, 0) == 0
    rates = [pace.update(300 + second, 2 * second) for second in range(200)]
    assert rates[-1] == pytest.approx(2, rel=0.05)


def test_slow_jobs_have_a_pace_too_and_it_falls_while_none_ends() -> None:
    pace = Pace()
    rates = [pace.update(second, second // 300) for second in range(3600)]
    assert rates[-1] == pytest.approx(1 / 300, rel=0.1)
    assert pace.update(7200, 11) == pytest.approx(11 / 7200)


@pytest.mark.parametrize(
    ("rate", "num_left", "words"),
    [
        (0, 5, ("", "")),
        (12.34, 0, ("12.3/s", "")),
        (12.34, 13, ("12.3/s", "about 1 s left")),
        (2, 100, ("2.0/s", "about 50 s left")),
        (1 / 30, 10, ("2.0/min", "about 5 min left")),
        (1 / 600, 1000, ("6.0/h", "about 166.7 h left")),
        (1 / 7200, 1, ("0.5/h", "about 2.0 h left")),
    ],
)
def test_the_pace_is_said_in_units_that_a_person_counts_in(
    rate: float, num_left: int, words: tuple[str, str]
) -> None:
    assert (rate_in_words(rate), left_in_words(rate, num_left)) == words


def test_no_time_left_is_said_as_0_s() -> None:
    assert left_in_words(12.34, 3) == left_in_words(4, 3) == "almost done"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.24, "0.2 s"),
        (9.96, "10 s"),
        (59.7, "1 min 0 s"),
        (100, "1 min 40 s"),
        (3599.9, "1 h 0 min"),
        (7500, "2 h 5 min"),
    ],
)
def test_a_time_that_is_over_is_said_in_two_units(seconds: float, words: str) -> None:
    assert duration_in_words(seconds) == words


def test_a_clock_counts_in_hours_however_long_it_runs() -> None:
    assert [clock_in_words(seconds) for seconds in (7.9, 100, 90_061)] == ["0:00:07", "0:01:40", "25:01:01"]


def test_a_line_is_due_at_once_and_then_ten_seconds_after_the_last_one() -> None:
    beat = Beat(LINE_EVERY_S)
    assert [second for second in range(100, 130) if beat.is_due(second)] == [100, 110, 120]
    assert beat.is_due(145.5)
    assert not beat.is_due(155.4)
