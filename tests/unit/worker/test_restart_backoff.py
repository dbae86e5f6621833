"""Pauses before a process is started again."""

from __future__ import annotations

from worker.restart_backoff import LONGEST_PAUSE_S, RestartBackoff


def pauses(*lives_s: float) -> list[float]:
    """How long a process that lives so long, time after time, is kept from starting again."""
    backoff, now, found = RestartBackoff(), 0.0, []
    for life_s in lives_s:
        assert backoff.due(now)
        ended = now = now + life_s
        backoff.ended(ended)
        while not backoff.due(now):
            now += 0.5
        found.append(now - ended)
    return found


def test_a_process_that_ends_at_once_waits_longer_each_time_up_to_half_a_minute() -> None:
    assert pauses(*[0.1] * 7) == [1, 2, 4, 8, 16, 30, LONGEST_PAUSE_S]


def test_a_process_that_lived_for_long_starts_again_after_a_second() -> None:
    assert pauses(0.1, 0.1, 0.1, 600, 0.1) == [1, 2, 4, 1, 2]
