"""Charts, tables and found texts of a batch's page as values."""

from __future__ import annotations

from uuid import UUID

from api.pages.batch.charts import charts_of, waits_chart
from api.pages.batch.jobs import parts_of
from api.pages.batch.tables import difference_in_words
from api.pages.batch.words import done_in_words
from specreason.evaluation.intervals import Interval
from specreason.evaluation.judge.judgement import Bin, Judgement
from specreason.store.read.waits import Waits


def judgement(**parts: tuple[Bin, ...]) -> Judgement:
    return Judgement(
        batch_id=UUID(int=1),
        name="",
        pair="demo",
        scheme="specreason",
        num_jobs=2,
        num_problems=2,
        num_open=0,
        problems_digest="",
        share_read=1.0,
        summary=(),
        remarks=(),
        **parts,
    )


def drafts_with(score: float, number: int, *, right: Interval | None) -> Bin:
    share = Interval(mean=0.5, low=0.25, high=0.75)
    return Bin(
        low=score,
        high=score,
        num_drafts=number,
        acceptance=share,
        num_graded=number,
        became_right=right,
        is_right=None,
    )


def test_the_longest_bar_fills_its_row_and_a_score_without_grades_has_no_worth() -> None:
    right = Interval(mean=0.8, low=None, high=None)
    scores, worth = charts_of(
        judgement(by_score=(drafts_with(3, 10, right=None), drafts_with(9, 40, right=right)))
    )
    assert [(bar.label, bar.share, bar.said) for bar in scores.bars] == [("3", 0.25, "10"), ("9", 1.0, "40")]
    assert [(bar.label, bar.share, bar.low, bar.said) for bar in worth.bars] == [("9", 0.8, None, "80 %")]


def test_a_batch_without_drafts_has_no_charts() -> None:
    assert charts_of(judgement()) == ()


def test_waits_add_up_and_those_that_there_were_none_of_are_left_out() -> None:
    waits = Waits(kept_drafts_s=1, rejected_drafts_s=0, verdicts_s=1, rewriting_s=0, alone_s=0, answering_s=2)
    chart = waits_chart(waits)
    assert chart is not None
    assert [bar.said for bar in chart.bars] == ["25 %", "25 %", "50 %"]
    nothing = Waits(
        kept_drafts_s=0, rejected_drafts_s=0, verdicts_s=0, rewriting_s=0, alone_s=0, answering_s=0
    )
    assert waits_chart(nothing) is None


def test_a_difference_has_its_sign_and_names_its_unit_once() -> None:
    fewer = Interval(mean=-0.086, low=-0.169, high=0.002)
    assert difference_in_words(fewer, "{:.1f} %", 100, "points") == "−8.6 points (−16.9 to +0.2)"
    assert difference_in_words(Interval(mean=201, low=None, high=None), "{:,.0f}", 1) == "+201"
    assert difference_in_words(None, "{:.1f}", 1, "s") == "–"


def test_the_parts_of_a_found_text_are_the_text() -> None:
    text = "wait, I wait"
    parts = parts_of(text, ((0, 4), (8, 12)))
    assert parts == (("wait", True), (", I ", False), ("wait", True))
    assert "".join(part for part, _ in parts) == text


def test_only_known_actions_are_told() -> None:
    assert done_in_words("cancel", 1) == "1 job cancelled."
    assert done_in_words("<script>", 1) is None
    assert done_in_words(None, 0) is None
