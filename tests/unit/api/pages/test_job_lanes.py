"""The lanes of a trace and the strip of a verdict, from rows with known times."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from api.pages.job.attempts import marks_of
from api.pages.job.ladder import PAGE, ladder_of, page_with
from api.pages.job.lanes import WIDTH, lanes_of
from api.pages.job.strip import strip_of
from api.pages.job.words import AUTHORS, DECISIONS, OUTCOMES
from api.pages.stops import STOPS
from specreason.config import ScoreMethod
from specreason.engines.base import Role
from specreason.reasoning.steps import Decision, Phase, StopReason
from specreason.store.read.attempts import AttemptRow
from specreason.store.read.pages import Page
from specreason.store.tables.states import AttemptOutcome
from specreason.store.trace.steps import StepRow

START = datetime(2026, 1, 1, tzinfo=UTC)
BLANK = StepRow(
    **dict.fromkeys(StepRow.__dataclass_fields__),  # type: ignore[arg-type]
)


def row(index: int, stored_s: float, **values: Any) -> StepRow:
    """A draft of 1 s and a verdict of 0.5 s, stored `stored_s` after the start."""
    drafted = {
        "phase": Phase.THINK,
        "decision": Decision.ACCEPTED,
        "author": Role.DRAFTER,
        "kept_text": "So.",
        "draft_text": "So.",
        "draft_latency_s": 1.0,
        "draft_ahead_s": 0.0,
        "verify_latency_s": 0.5,
        "threshold": 7.0,
        "score": 8,
        "expected_score": 7.5,
        "digit_probs": (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.25, 0.25, 0.5, None),
        "kept_tokens": 3,
        "spent_tokens": 4,
        "inserted_tokens": 0,
        "fence": 1,
    }
    return replace(BLANK, index=index, created_at=START + timedelta(seconds=stored_s), **drafted | values)


def rejected(index: int, stored_s: float, **values: Any) -> StepRow:
    written = {
        "decision": Decision.REJECTED,
        "author": Role.BASE,
        "written_text": "No.",
        "written_latency_s": 2.0,
    }
    return row(index, stored_s, **written | values)


def bars(path: str) -> list[tuple[float, float]]:
    """Start and width of each bar, in units of the picture."""
    return [(float(x), float(width)) for x, width in re.findall(r"M([\d.]+) \d+h([\d.]+)", path)]


def test_calls_stand_behind_each_other_and_waits_between_them() -> None:
    lanes = lanes_of([row(0, 1.5), rejected(1, 5.5)])
    assert lanes is not None
    assert (lanes.total_s, lanes.waiting_s) == (5.5, 0.5)
    unit = WIDTH / 5.5
    assert bars(lanes.paths["draft"]) == [(0, pytest.approx(unit, abs=0.1))]
    assert bars(lanes.paths["verdict"])[0] == pytest.approx((unit, 0.5 * unit), abs=0.1)
    assert bars(lanes.paths["waiting"]) == [pytest.approx((1.5 * unit, 0.5 * unit), abs=0.1)]
    assert bars(lanes.paths["rejected"]) == [pytest.approx((2 * unit, unit), abs=0.1)]
    assert bars(lanes.paths["base"]) == [pytest.approx((3.5 * unit, 2 * unit), abs=0.1)]
    assert lanes.ends == (round(1.5 * unit), WIDTH)


def test_a_draft_that_was_written_ahead_lies_beside_the_verdict_before_it() -> None:
    lanes = lanes_of([row(0, 1.5), row(1, 2.6, draft_ahead_s=0.4)])
    assert lanes is not None
    (_, _), (ahead, _) = bars(lanes.paths["draft"])
    (verdict, width), _ = bars(lanes.paths["verdict"])
    assert verdict < ahead < verdict + width
    assert (lanes.overlap_s, lanes.total_s) == (0.4, pytest.approx(2.6))


def test_steps_that_were_stored_together_show_no_wait_that_never_was() -> None:
    lanes = lanes_of([row(0, 1.5), row(1, 4.5), row(2, 4.5)])
    assert lanes is not None
    assert lanes.waiting_s == pytest.approx(0)


def test_a_long_wait_is_cut_and_said() -> None:
    lanes = lanes_of([row(0, 1.5), row(1, 3600)])
    assert lanes is not None
    (cut,) = lanes.cuts
    assert (cut.index, cut.seconds) == (1, pytest.approx(3597))
    assert bars(lanes.paths["waiting"])[0][1] < 0.1 * WIDTH
    assert lanes.waiting_s == pytest.approx(3597)


def test_steps_without_calls_have_no_lanes() -> None:
    closing = row(0, 1, draft_latency_s=None, verify_latency_s=None, draft_text=None, digit_probs=None)
    assert lanes_of([closing]) is None


def test_the_threshold_line_stands_before_the_first_digit_that_passes() -> None:
    for threshold, x in ((7.0, 70.0), (7.5, 80.0), (0.0, 0.0), (10.0, 100.0)):
        strip = strip_of(row(0, 1, threshold=threshold), ScoreMethod.GREEDY)
        assert strip is not None
        assert (strip.threshold_x, strip.score_x) == (x, 85.0)


def test_the_mean_is_marked_on_the_same_scale_as_its_threshold() -> None:
    strip = strip_of(row(0, 1, threshold=7.6), ScoreMethod.EXPECTED)
    assert strip is not None
    assert strip.score_x is not None
    assert strip.threshold_x is not None
    assert strip.score_x < strip.threshold_x


def test_the_strip_says_in_words_what_it_draws() -> None:
    strip = strip_of(row(0, 1), ScoreMethod.GREEDY)
    assert strip is not None
    assert strip.label == "Verdict: score 8. Probabilities: 6: 25%, 7: 25%, 8: 50%."
    assert strip.bars.count("M") == 2
    assert strip.scored.startswith("M81 20v-10")
    none = strip_of(row(0, 1, score=None, digit_probs=(None,) * 10), ScoreMethod.GREEDY)
    assert none is not None
    assert none.label == "Verdict: no digit. Probabilities: on no digit."


def test_a_page_has_room_for_the_beginning_of_each_text() -> None:
    long = "words " * 10_000
    rows = tuple(rejected(i, i, kept_text=long, written_text=long, draft_text=long) for i in range(PAGE))
    ladder = ladder_of(Page(rows=rows, has_more=True), (), ScoreMethod.GREEDY, after=-1)
    shown = sum(len(piece.text) for step in ladder.steps for piece in step.kept + step.draft)
    assert shown <= 120_000
    assert all(step.rest > 0 for step in ladder.steps)
    assert ladder.next_after == PAGE - 1


def test_only_steps_that_are_new_are_shown_again() -> None:
    rows = tuple(row(i, i) for i in range(4))
    ladder = ladder_of(Page(rows=rows, has_more=False), (), ScoreMethod.GREEDY, after=-1, shown=1)
    assert [step.row.index for step in ladder.steps] == [2, 3]
    assert ladder.lanes is not None
    assert len(ladder.lanes.ends) == 4


def test_an_attempt_that_went_on_is_marked_before_its_first_step() -> None:
    first = AttemptRow(
        number=1,
        fence=1,
        worker_id=UUID(int=1),
        first_step=0,
        started_at=START,
        ended_at=START + timedelta(seconds=5),
        outcome=AttemptOutcome.LOST,
        error=None,
    )
    second = replace(
        first,
        number=2,
        worker_id=UUID(int=2),
        first_step=2,
        started_at=START + timedelta(seconds=9),
        outcome=None,
    )
    third = replace(second, number=3, first_step=3)
    marks = marks_of([first, second, third])
    assert [(mark.number, mark.first_step, mark.is_crash) for mark in marks] == [(2, 2, True), (3, 3, False)]
    assert marks[0].after_s == 4
    rows = tuple(row(i, i) for i in range(3))
    ladder = ladder_of(Page(rows=rows, has_more=False), marks, ScoreMethod.GREEDY, after=-1)
    assert [len(step.marks) for step in ladder.steps] == [0, 0, 1]
    assert ladder.marks == marks[1:]


def test_the_page_with_a_step_begins_at_a_hundred() -> None:
    assert [page_with(step) for step in (0, 99, 100, 1234)] == [-1, -1, 99, 1199]


def test_every_word_of_the_tables_is_said() -> None:
    assert set(DECISIONS) == set(Decision)
    assert set(STOPS) == set(StopReason)
    assert set(OUTCOMES) == set(AttemptOutcome)
    assert set(AUTHORS) == {*Role, None}
