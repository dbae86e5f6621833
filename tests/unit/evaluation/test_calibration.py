"""What scores are worth, on drafts whose answers and truth are known."""

from __future__ import annotations

import pytest

from specreason.evaluation.intervals import Interval
from specreason.evaluation.judge import calibration
from specreason.evaluation.judge.judging import judge
from specreason.evaluation.judge.worth import against_answers
from tests.support.judged import Draft, Job, judged


def kept(digit: int, **values: object) -> Draft:
    return Draft(digit=digit, kept=True, **values)  # type: ignore[arg-type]


def rejected(digit: int | None, **values: object) -> Draft:
    return Draft(digit=digit, kept=False, written_tokens=10, written_s=1.4, **values)  # type: ignore[arg-type]


RIGHT = Job(problem=0, is_correct=True, drafts=[kept(9), kept(8), rejected(3)])
WRONG = Job(problem=1, is_correct=False, drafts=[kept(8), rejected(3), rejected(None)])
UNGRADED = Job(problem=2, drafts=[kept(9), kept(9)])


def mean(interval: Interval | None) -> float:
    assert interval is not None
    assert interval.bounds is None or interval.bounds[0] <= interval.mean <= interval.bounds[1]
    return interval.mean


def test_each_digit_has_a_bin_with_the_share_of_its_drafts_whose_job_became_right() -> None:
    bins = {each.low: each for each in calibration.by_score(judged(RIGHT, WRONG, UNGRADED))}
    assert sorted(bins) == [3, 8, 9]
    assert (bins[8].num_drafts, bins[8].num_graded, mean(bins[8].became_right)) == (2, 2, 0.5)
    assert (bins[9].num_drafts, bins[9].num_graded, mean(bins[9].became_right)) == (3, 1, 1.0)
    assert mean(bins[3].became_right) == 0.5
    assert (mean(bins[3].acceptance), mean(bins[8].acceptance)) == (0.0, 1.0)


def test_a_bin_without_a_graded_job_says_nothing_of_answers() -> None:
    (only,) = calibration.by_score(judged(UNGRADED))
    assert (only.num_drafts, only.num_graded, only.became_right) == (2, 0, None)


def test_expected_scores_lie_between_two_digits_and_nine_in_the_last_bin() -> None:
    scores = (8.9997, 9.0, 8.0, 7.9, 0.2)
    batch = judged(Job(drafts=[kept(9, expected=score) for score in scores]))
    bins = calibration.by_expected_score(batch)
    assert [(each.low, each.high, each.num_drafts) for each in bins] == [(0, 1, 1), (7, 8, 1), (8, 9, 3)]


def test_acceptance_by_place_and_by_length_counts_every_draft_once() -> None:
    drafts = [kept(9, tokens=4), rejected(2, tokens=9), kept(9, tokens=600), kept(9, tokens=4)]
    batch = judged(Job(drafts=drafts))
    places = calibration.by_position(batch)
    assert [(each.low, each.high, each.num_drafts) for each in places] == [(0, 0, 1), (1, 1, 1), (2, 3, 2)]
    assert [mean(each.acceptance) for each in places] == [1.0, 0.0, 1.0]
    lengths = calibration.by_length(batch)
    assert [(each.low, each.high, each.num_drafts) for each in lengths] == [
        (1, 8, 2),
        (9, 16, 1),
        (257, 600, 1),
    ]


def test_verdicts_without_a_digit_are_counted_and_reject() -> None:
    batch = judged(RIGHT, WRONG)
    found = calibration.verdicts(batch.drafts, batch.jobs)
    assert (found.num_drafts, found.num_accepted, found.num_no_digit) == (6, 3, 1)
    assert mean(found.no_digit) == pytest.approx(1 / 6)
    assert found.mean_non_digit_mass == pytest.approx(0.01)


def test_rejected_drafts_whose_job_became_right_are_told_from_kept_ones() -> None:
    batch = judged(RIGHT, WRONG, UNGRADED)
    found = calibration.outcome(batch.drafts, batch.jobs)
    assert found is not None
    assert (found.num_jobs, found.num_right, found.num_drafts) == (2, 1, 6)
    assert mean(found.right_after_rejection) == pytest.approx(1 / 3)
    assert mean(found.right_after_acceptance) == pytest.approx(2 / 3)


def test_the_auc_is_the_chance_that_a_draft_of_a_right_job_scores_higher() -> None:
    batch = judged(RIGHT, WRONG)
    found = calibration.outcome(batch.drafts, batch.jobs)
    assert found is not None
    # Of the six pairs of {9, 8, 3} and {8, 3} the right job's draft is higher in three, and equal in two.
    assert mean(found.digit_auc) == pytest.approx(4 / 6)


def test_the_truth_tells_which_right_and_which_wrong_drafts_are_accepted() -> None:
    drafts = [
        kept(9, is_right=True),
        kept(8, is_right=False),
        rejected(3, is_right=False),
        rejected(6, is_right=True),
    ]
    batch = judged(Job(drafts=drafts), Job(problem=1, drafts=[kept(9)]))
    assert batch.graded is not None
    found = calibration.truth(batch.drafts, batch.jobs, batch.graded)
    assert found is not None
    assert (found.num_problems, found.num_right, found.num_wrong) == (1, 2, 2)
    assert (mean(found.right_accepted), mean(found.wrong_accepted)) == (0.5, 0.5)
    # 9 is above 8 and 3; 6 is above 3 only.
    assert mean(found.digit_auc) == pytest.approx(3 / 4)
    assert [(each.kind, each.deserved, each.num_drafts) for each in found.kinds] == [
        ("right", 9, 2),
        ("one_digit", 6, 2),
    ]


def test_the_first_sentence_says_what_the_score_is_worth() -> None:
    telling = [
        Job(problem=number, is_correct=number % 2 == 0, drafts=[kept(9 if number % 2 == 0 else 7)] * 3)
        for number in range(40)
    ]
    # Of every three right jobs one has a lower score than those that are wrong, and so with these.
    mixed = [
        Job(problem=number, is_correct=number % 2 == 0, drafts=[kept(7 + number // 2 % 3), kept(8)])
        for number in range(240)
    ]
    assert (
        judge(judged(*telling))
        .summary[0]
        .startswith("The score tells right from wrong answers well: AUC 1.00")
    )
    (sentence,) = judge(judged(*mixed)).summary
    assert sentence.startswith("The score does not tell right from wrong answers: AUC 0.50 (95 %: 0.4")


@pytest.mark.parametrize(
    ("jobs", "said"),
    [
        ([], "no job ended with a step"),
        ([Job(is_correct=True)], "1 job ended without a scored draft"),
        ([UNGRADED], "no answer is graded"),
        ([RIGHT], "the graded answer is right"),
        ([WRONG, Job(problem=3, is_correct=False, drafts=[kept(9)])], "all 2 graded answers are wrong"),
        ([RIGHT, WRONG], "2 problems are too few to say"),
    ],
)
def test_small_batches_get_a_sentence(jobs: list[Job], said: str) -> None:
    assert said in judge(judged(*jobs)).summary[0]


def test_a_batch_that_still_runs_is_judged_with_the_remark_that_short_jobs_end_first() -> None:
    assert judge(judged(num_open=3)).summary == ("There is nothing to judge yet: no job has ended.",)
    found = judge(judged(RIGHT, WRONG, num_open=1))
    assert found.num_open == 1
    assert found.remarks[0].startswith("1 job has not ended. Short jobs end first")
    assert not any("not ended" in remark for remark in judge(judged(RIGHT, WRONG)).remarks)


def test_the_estimates_of_an_adaptive_batch_say_what_they_leave_out() -> None:
    said = [
        any("adaptive" in remark for remark in judge(judged(RIGHT, WRONG, adaptive=adaptive)).remarks)
        for adaptive in (True, False)
    ]
    assert said == [True, False]


def test_the_sentence_on_the_truth_names_right_and_wrong_drafts_by_one_word() -> None:
    drafts = [kept(9, is_right=True), kept(8, is_right=False), rejected(3, is_right=False)]
    said = judge(judged(*(Job(problem=number, drafts=drafts) for number in range(9)))).summary[1]
    assert "the judge accepts 100% (95 %: " in said
    assert "of the 9 right drafts and 50% (95 %: " in said
    assert "of the 18 wrong drafts" in said


def test_a_scheme_without_drafts_has_nothing_to_judge() -> None:
    found = judge(judged(Job(is_correct=True), scheme="base"))
    assert found.summary == ("There is nothing to judge: the scheme base scores no drafts.",)
    assert (found.replay, found.verdicts, found.by_score) == (None, None, ())


def test_scores_that_are_higher_for_wrong_answers_point_the_wrong_way() -> None:
    jobs = [
        Job(problem=number, is_correct=number % 2 == 0, drafts=[kept(7 if number % 2 == 0 else 9)])
        for number in range(40)
    ]
    batch = judged(*jobs)
    assert "points the wrong way" in against_answers(
        calibration.outcome(batch.drafts, batch.jobs), expected=False
    )
