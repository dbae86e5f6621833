"""What is said of batches that are waited for, and how it fits into a line. It prints nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from rich.cells import cell_len, set_cell_size

from specreason.cli.waiting.pace import duration_in_words
from specreason.client import Batch, short_id
from specreason.client.values import STATES
from specreason.errors import TransientError, Unreachable
from specreason.evaluation.pace import left_in_words, rate_in_words
from specreason.visible import on_one_line
from specreason.words import counted

# How much of the details may be dropped: each level drops one more kind of them, and the last keeps the state alone.
NUM_LEVELS = 4
LONGEST_BAR, SHORTEST_BAR = 40, 10
LONGEST_LABEL, SHORTEST_LABEL = 40, 8


def label_of(batch: Batch) -> str:
    """Return the name of a batch, else its scheme and the end of its id."""
    return on_one_line(batch.name) or f"{batch.scheme} {short_id(batch.batch_id)}"


def jobs_in_words(batches: Sequence[Batch]) -> str:
    """Return how many of the jobs have ended."""
    num_ended, num_jobs = sum(batch.num_ended for batch in batches), sum(batch.num_jobs for batch in batches)
    return f"{num_ended:,} of {counted(num_jobs, 'job')} ended"


def duration_of(batch: Batch, now: datetime) -> float:
    """Return the seconds from the submission to the end, or to now."""
    return max(0.0, ((batch.finished_at or now) - batch.created_at).total_seconds())


def details_in_words(batches: Sequence[Batch], rate: float, *, drop: int = 0) -> str:
    """Return what is known beside the counts: the state, the pace, the time left and the share of accepted drafts.

    `rate` is jobs per second. `drop` leaves out the rate (1), the accepted share (2) and the time left (3).
    """
    open_ones = [batch for batch in batches if not batch.ended]
    running = [batch for batch in open_ones if batch.paused_at is None]
    num_left = sum(batch.num_jobs - batch.num_ended for batch in running)
    # The rate of a first few that ended says nothing yet of the many that run beside them.
    is_steady = sum(batch.num_ended for batch in running) >= sum(batch.num_running for batch in running)
    num_drafted = sum(batch.num_drafted for batch in batches)
    accepted = sum(batch.num_accepted for batch in batches) / num_drafted if num_drafted else 0.0
    parts = (
        (_state(batches, is_open=bool(open_ones), is_paused=not running), 3),
        (_places(running), 2),
        (rate_in_words(rate) if num_left else "", 0),
        (left_in_words(rate, num_left) if is_steady else "", 2),
        (f"{accepted:.0%} accepted" if num_drafted else "", 1),
    )
    return ", ".join(text for text, kept_until in parts if text and drop <= kept_until)


def ended_in_words(batch: Batch) -> str:
    """Return a line about a batch that has ended: how long it took, and the final counts."""
    took = f" in {duration_in_words(duration_of(batch, batch.finished_at))}" if batch.finished_at else ""
    return f"{label_of(batch)}: {jobs_in_words([batch])}{took}, {details_in_words([batch], 0.0)}"


def outage_in_words(seconds: float, error: TransientError) -> str:
    """Return what keeps the API from answering, and since when."""
    if not isinstance(error, Unreachable):
        return f"the API refuses for now ({error}); trying again"
    return f"the API does not answer, for {seconds:.0f} s now; trying again"


def back_in_words(seconds: float) -> str:
    """Return that an outage of so many seconds is over."""
    return f"the API answers again, after {seconds:.0f} s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How lines with bars fit. A width of 0 leaves the part out; `drop` is that of `details_in_words`."""

    label: int
    bar: int
    has_clock: bool
    drop: int


def fitted(width: int, *, label: int, counts: int, clock: int, details: Sequence[int]) -> Layout:
    """Return the layout for `width` cells, from the widest text of each column; `details` has one for each `drop`.

    Details go first, then the bar, the clock, and the middle of the label. Counts and state stay.
    """
    label = min(label, LONGEST_LABEL)
    for drop, cells in enumerate(details):
        room = width - sum(each + 1 for each in (label, counts, clock, cells))
        if room >= SHORTEST_BAR:
            return Layout(label=label, bar=min(room, LONGEST_BAR), has_clock=True, drop=drop)
    drop, state = len(details) - 1, details[-1]
    room = width - sum(each + 1 for each in (counts, state) if each)
    if label + 1 + clock <= room:
        return Layout(label=label, bar=0, has_clock=True, drop=drop)
    return Layout(label=min(label, max(room, SHORTEST_LABEL)), bar=0, has_clock=False, drop=drop)


def shortened(text: str, cells: int) -> str:
    """Return the text in as many cells, without its middle: a grid's batches differ at the end of their names."""
    if cell_len(text) <= cells:
        return text
    tail = ""
    for character in reversed(text):
        if cell_len(character + tail) > cells // 2:
            break
        tail = character + tail
    return set_cell_size(text, cells - cell_len(tail) - 2).rstrip() + ".." + tail


def _state(batches: Sequence[Batch], *, is_open: bool, is_paused: bool) -> str:
    if not is_open:
        num_ungraded = sum(batch.num_ungraded for batch in batches)
        counts = {state: sum(batch.counts.get(state, 0) for batch in batches) for state in STATES}
        words = [f"{count} {state}" for state, count in counts.items() if count]
        return ", ".join([*words, f"{num_ungraded} to grade"] if num_ungraded else words)
    num_bad = sum(batch.num_ended - batch.num_succeeded for batch in batches)
    return ", ".join(
        filter(None, ("paused" if is_paused else "", f"{num_bad} without success" if num_bad else ""))
    )


def _places(running: Sequence[Batch]) -> str:
    """Return how many jobs run and how many wait for a slot. Once one has ended, the pace tells more."""
    if any(batch.num_ended for batch in running):
        return ""
    num_running, num_queued = (
        sum(getattr(batch, name) for batch in running) for name in ("num_running", "num_queued")
    )
    return ", ".join(
        f"{number} {what}" for number, what in ((num_running, "running"), (num_queued, "queued")) if number
    )
