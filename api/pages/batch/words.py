"""The words of the tables as the page of a batch says them, and what its actions say they did."""

from __future__ import annotations

from collections.abc import Callable

from specreason.evaluation.pace import Pace, rate_in_words, time_in_words
from specreason.store.read.counts import BatchCounts
from specreason.words import counted

# What an action did, from the number of jobs that it changed, and what it did if there was none.
DID: dict[str, tuple[Callable[[int], str], str]] = {
    "cancel": (
        lambda n: f"{counted(n, 'job')} cancelled.",
        "Nothing was left to cancel: all jobs have ended.",
    ),
    "pause": (
        lambda _: "Paused: no job starts, and running ones stop at their next step.",
        "Already paused.",
    ),
    "resume": (lambda _: "Resumed: its jobs run again.", "It was not paused."),
    "requeue": (lambda n: f"{counted(n, 'job')} queued again.", "No job ended in one of these states."),
    "priority": (
        lambda n: f"Priority changed for {counted(n, 'job')} that {_have(n)} not ended.",
        "No job has another priority, or all have ended.",
    ),
}


def done_in_words(did: str | None, changed: int) -> str | None:
    """What an action did; None if there was none."""
    if did not in DID:
        return None
    in_words, nothing = DID[did]
    return in_words(changed) if changed else nothing


def left_in_words(counts: BatchCounts, pace: Pace | None) -> str | None:
    """The rate and the time left with its bounds; None where nothing is known of either yet.

    The time left is told once as many jobs have ended as run: the first few say nothing of those beside them.
    """
    if not counts.num_open or counts.paused_at is not None or pace is None or not pace.num_ended:
        return None
    left, rate = pace.left_s(counts.num_open), rate_in_words(pace.per_s)
    if left is None or counts.num_ended < counts.num_running:
        return f"{rate} jobs"
    between = ""
    if left.bounds is not None:
        low, high = left.bounds
        between = f" ({time_in_words(low)} to {time_in_words(high)})"
    return f"{rate}, about {time_in_words(left.mean)} left{between}"


def _have(number: int) -> str:
    return "has" if number == 1 else "have"
