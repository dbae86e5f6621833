"""When drafter, base and verdicts were at work in a part of a trace: values of an SVG with a lane for each.

Rows say how long each call took and when the step was stored, not when the call began. A step ends at the latest when
it was stored, and before the next one began; so the picture is the latest order of calls that fits the rows. What no
call explains is waiting: storing, the loop itself, and the queue between two attempts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from specreason.store.trace.steps import StepRow

WIDTH = 1000  # of the picture, in its own units
LANE, BAR = 14, 10  # from one lane to the next, and the height of a bar
LEAST_WIDTH = 0.8  # of a bar, so that it can be seen
# A wait longer than this share of the work is cut, so that the work keeps its place.
LONGEST_WAIT, CUT_WAIT = 0.25, 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """A wait of `seconds` before step `index` that is drawn shorter than it was; `x` is its middle."""

    index: int
    seconds: float
    x: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Lanes:
    """SVG paths, one for each kind of call, and what they show in seconds.

    `ends` has the x of each step's end. `overlap_s` is the part of the drafts that was written during the verdicts
    before them, and so cost no time.
    """

    paths: dict[str, str]
    ends: tuple[int, ...]
    cuts: tuple[Cut, ...]
    total_s: float
    drafter_s: float
    overlap_s: float
    verdict_s: float
    base_s: float
    waiting_s: float


@dataclass(slots=True)
class _Bars:
    """The bars so far by lane: start and end, seconds from the beginning."""

    of: dict[str, list[tuple[float, float]]] = field(
        default_factory=lambda: {name: [] for name in ("draft", "rejected", "verdict", "base", "waiting")}
    )

    def add(self, lane: str, start: float, end: float) -> None:
        if end > start:
            self.of[lane].append((max(start, 0.0), end))


_ROW = {"draft": 0, "rejected": 0, "verdict": 1, "base": 2, "waiting": 3}


def lanes_of(steps: Sequence[StepRow]) -> Lanes | None:
    """The lanes of steps that follow each other; None if no call of theirs is known."""
    work = [engine_s(step) for step in steps]
    if not sum(work):
        return None
    bars, cuts, ends = _Bars(), list[Cut](), list[float]()
    longest, cut_s = LONGEST_WAIT * sum(work), CUT_WAIT * sum(work)
    at = 0.0
    for step, wait in zip(steps, _waits(steps, work), strict=True):
        drawn = wait if wait <= longest else cut_s
        if drawn < wait:
            cuts.append(Cut(index=step.index, seconds=wait, x=at + drawn / 2))
        bars.add("waiting", at, at + drawn)
        at = _add_calls(bars, step, at + drawn)
        ends.append(at)
    scale = WIDTH / at
    drafter_s = sum(step.draft_latency_s or 0.0 for step in steps)
    return Lanes(
        paths={lane: _path(lane, of_lane, scale) for lane, of_lane in bars.of.items()},
        ends=tuple(round(end * scale) for end in ends),
        cuts=tuple(Cut(index=each.index, seconds=each.seconds, x=round(each.x * scale, 1)) for each in cuts),
        total_s=sum(work) + sum(_waits(steps, work)),
        drafter_s=drafter_s + _written(steps, "drafter"),
        overlap_s=sum(min(step.draft_ahead_s or 0.0, step.draft_latency_s or 0.0) for step in steps),
        verdict_s=sum(step.verify_latency_s or 0.0 for step in steps),
        base_s=_written(steps, "base"),
        waiting_s=sum(_waits(steps, work)),
    )


def draft_wait_s(step: StepRow) -> float:
    """Seconds that the loop waited for the draft: without the part that was written ahead."""
    return max(0.0, (step.draft_latency_s or 0.0) - (step.draft_ahead_s or 0.0))


def engine_s(step: StepRow) -> float:
    """Seconds that the loop waited for engines."""
    return draft_wait_s(step) + (step.verify_latency_s or 0.0) + (step.written_latency_s or 0.0)


def _waits(steps: Sequence[StepRow], work: Sequence[float]) -> list[float]:
    """Seconds before each step that no call explains; none before the first."""
    end = steps[-1].created_at.timestamp()
    waits = list[float]()
    for i in range(len(steps) - 1, 0, -1):
        start = end - work[i]
        end = min(start, steps[i - 1].created_at.timestamp())
        waits.append(start - end)
    return [0.0, *reversed(waits)]


def _add_calls(bars: _Bars, step: StepRow, at: float) -> float:
    """Add the calls of a step that begins at `at`; return where it ends."""
    if step.draft_latency_s is not None:
        began = at - (step.draft_ahead_s or 0.0)
        bars.add(
            "rejected" if step.written_text is not None else "draft", began, began + step.draft_latency_s
        )
        at += draft_wait_s(step)
    if step.verify_latency_s is not None:
        bars.add("verdict", at, at + step.verify_latency_s)
        at += step.verify_latency_s
    if step.written_latency_s is not None:
        bars.add("draft" if step.author == "drafter" else "base", at, at + step.written_latency_s)
        at += step.written_latency_s
    return at


def _written(steps: Sequence[StepRow], author: str) -> float:
    return sum(step.written_latency_s or 0.0 for step in steps if step.author == author)


def _path(lane: str, bars: Sequence[tuple[float, float]], scale: float) -> str:
    y = LANE * _ROW[lane]
    return "".join(
        f"M{round(start * scale, 1):g} {y}h{(width := max(LEAST_WIDTH, round((end - start) * scale, 1))):g}"
        f"v{BAR}h-{width:g}z"
        for start, end in bars
    )
