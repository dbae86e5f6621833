"""Threshold replay on drafts whose seconds are known."""

from __future__ import annotations

import random

import numpy as np
import pytest

from benchmarks.replay_errors import compare
from specreason.config import ScoreMethod
from specreason.evaluation.judge.drafts import JudgedBatch, Written
from specreason.evaluation.judge.judgement import Estimate, Replay, Rule
from specreason.evaluation.judge.judging import judge
from specreason.evaluation.judge.replay import Replayer, decisions
from specreason.evaluation.judge.thresholds import differing
from tests.support.judged import Draft, Job, judged

SECOND = Draft(digit=8, kept=True, latency_s=0.4)
REJECTED = Draft(digit=5, kept=False, verify_s=0.3, written_tokens=15, written_s=1.5)
KEPT = Draft(digit=8, kept=True, tokens=10)


def digit(threshold: float) -> Rule:
    return Rule(score_method=ScoreMethod.GREEDY, threshold=threshold)


def expected(threshold: float) -> Rule:
    return Rule(score_method=ScoreMethod.EXPECTED, threshold=threshold)


def estimate(batch: JudgedBatch, rule: Rule, *, overlap: bool = True) -> Estimate:
    return Replayer(batch, digit(7), overlap=overlap).estimate(rule)


def seconds(found: Estimate) -> float | None:
    return None if found.latency_s is None else found.latency_s.mean


def device_seconds(found: Estimate) -> float | None:
    return None if found.device_s is None else found.device_s.mean


def replay_of(batch: JudgedBatch, asked: Rule | None = None) -> Replay:
    found = judge(batch, asked).replay
    assert found is not None
    return found


def random_batch(seed: int) -> JudgedBatch:
    numbers = random.Random(seed)

    def draft(last: Draft | None) -> Draft:
        score = numbers.choice([None, *range(10)])
        kept = score is not None and score >= 7
        return Draft(
            digit=score,
            kept=kept,
            expected=None if score is None else min(9.0, max(0.0, score + numbers.uniform(-1, 1))),
            tokens=numbers.randint(1, 40),
            latency_s=numbers.uniform(0.1, 1),
            ahead_s=numbers.uniform(0, 0.1) if last is not None and last.kept else 0.0,
            verify_s=numbers.uniform(0.05, 0.5),
            written_tokens=0 if kept else numbers.randint(1, 40),
            written_s=0.0 if kept else numbers.uniform(0.5, 4),
            drafter_device_s=0.2,
            base_device_s=0.1 if kept else 1.0,
        )

    jobs = []
    for problem in range(12):
        drafts: list[Draft] = []
        for _ in range(numbers.randint(0, 9)):
            drafts.append(draft(drafts[-1] if drafts else None))
        jobs.append(Job(problem=problem, drafts=drafts, latency_s=numbers.uniform(9, 60), device_s=20.0))
    return judged(*jobs)


@pytest.mark.parametrize("seed", range(8))
def test_a_replay_at_the_threshold_in_force_reproduces_decisions_and_seconds_exactly(seed: int) -> None:
    batch = random_batch(seed)
    found = Replayer(batch, digit(7), overlap=True).replayed(digit(7))
    assert np.array_equal(found.is_kept, batch.drafts.is_accepted)
    assert found.latency_s is not None
    assert found.device_s is not None
    assert np.array_equal(found.latency_s, batch.jobs.latency_s)
    assert np.array_equal(found.device_s, batch.jobs.device_s)
    assert found.rewritten_tokens == batch.drafts.written_tokens.sum()
    own = estimate(batch, digit(7))
    assert seconds(own) == pytest.approx(np.mean(batch.jobs.latency_s))
    assert (own.is_present, own.num_changed) == (True, 0)


@pytest.mark.parametrize(("overlap", "latency_s"), [(True, 10 - 1.5 - 0.3), (False, 10 - 1.5)])
def test_a_draft_that_is_now_kept_saves_what_the_base_wrote_and_the_next_draft_runs_ahead(
    overlap: bool, latency_s: float
) -> None:
    batch = judged(Job(drafts=[REJECTED, SECOND], latency_s=10.0))
    found = estimate(batch, digit(5), overlap=overlap)
    assert seconds(found) == pytest.approx(latency_s)
    assert (found.num_accepted, found.num_changed, found.rewritten_tokens) == (2, 1, 0)


def test_a_draft_does_not_run_ahead_for_longer_than_it_takes() -> None:
    short = Draft(digit=8, kept=True, latency_s=0.1)
    batch = judged(Job(drafts=[REJECTED, short], latency_s=10.0))
    assert seconds(estimate(batch, digit(5))) == pytest.approx(10 - 1.5 - 0.1)


def test_a_draft_that_is_now_rejected_costs_its_tokens_and_the_next_draft_waits() -> None:
    second = Draft(digit=9, kept=True, ahead_s=0.2)
    batch = judged(Job(drafts=[KEPT, second], latency_s=10.0))
    found = estimate(batch, digit(9))
    # 0.5 s to the first token, nine more at 0.1 s, and the 0.2 s that the next draft ran ahead.
    assert seconds(found) == pytest.approx(10 + 0.5 + 0.9 + 0.2)
    assert found.rewritten_tokens == 10


def test_the_base_writes_longer_or_shorter_than_the_drafter_as_it_did_in_this_batch() -> None:
    doubled = Draft(digit=3, kept=False, tokens=10, written_tokens=20, written_s=2.4)
    batch = judged(Job(drafts=[doubled, KEPT], latency_s=10.0))
    found = estimate(batch, digit(9))
    assert found.rewritten_tokens == 20 + 2 * 10
    assert seconds(found) == pytest.approx(10 + 0.5 + 19 * 0.1)


def test_a_step_without_a_draft_in_between_keeps_the_next_draft_from_running_ahead() -> None:
    batch = judged(Job(drafts=[REJECTED, SECOND], latency_s=10.0))
    batch.drafts.position[1] = 2
    assert seconds(estimate(batch, digit(5))) == pytest.approx(10 - 1.5)


def test_a_verdict_without_a_digit_is_rejected_by_every_rule() -> None:
    batch = judged(Job(drafts=[Draft(digit=None, kept=False, written_tokens=9, written_s=1.0)]))
    for rule in (digit(0), expected(0)):
        assert not decisions(batch.drafts, rule).any()


def test_the_expected_score_decides_by_the_mean_over_the_digits() -> None:
    drafts = [Draft(digit=8, kept=True, expected=6.9), Draft(digit=6, kept=False, expected=7.1)]
    batch = judged(Job(drafts=drafts))
    assert decisions(batch.drafts, expected(7)).tolist() == [False, True]
    assert estimate(batch, expected(7)).num_changed == 2


def test_without_a_word_of_the_base_only_decisions_are_estimated() -> None:
    batch = judged(Job(drafts=[KEPT], latency_s=10.0, device_s=5.0), written=Written())
    replay = replay_of(batch)
    assert replay.costs is None
    assert {seconds(each) for each in replay.by_digit} == {None}
    assert [each.num_accepted for each in replay.by_digit] == [1, 0]


def test_jobs_that_are_not_timed_count_for_acceptance_only() -> None:
    timed = Job(drafts=[KEPT], latency_s=10.0)
    replay = replay_of(judged(timed, Job(problem=1, drafts=[KEPT])))
    assert replay.num_timed == 1
    assert [seconds(each) for each in replay.by_digit if each.is_present] == [10.0]


def test_one_problem_has_figures_but_no_interval_of_a_mean() -> None:
    alone = replay_of(judged(Job(drafts=[KEPT], latency_s=10.0))).by_digit[0].latency_s
    assert alone is not None
    assert (alone.mean, alone.bounds) == (10.0, None)
    jobs = (Job(problem=number, drafts=[KEPT], latency_s=9.0 + 2 * number) for number in (0, 1))
    two = replay_of(judged(*jobs)).by_digit[0].latency_s
    assert two is not None
    assert two.bounds is not None
    assert two.bounds[0] < 10.0 < two.bounds[1]


def test_device_time_is_that_of_the_base_and_of_drafts_that_are_thrown_away() -> None:
    kept = Draft(digit=8, kept=True, drafter_device_s=0.2, base_device_s=0.1)
    wrong = Draft(
        digit=5, kept=False, written_tokens=10, written_s=1.4, drafter_device_s=0.2, base_device_s=1.1
    )
    batch = judged(Job(drafts=[kept, kept, wrong], latency_s=10.0, device_s=2.0))
    # Of the rejected draft the verdict takes 0.1 s, and ten tokens the other second.
    assert device_seconds(estimate(batch, digit(5))) == pytest.approx(2.0 - 1.0)
    # Two more drafts of ten tokens, and what the drafter had used of the two that ran beside the verdicts: each draft
    # takes 0.4 s and 0.2 s of the device, and a verdict 0.3 s.
    assert device_seconds(estimate(batch, digit(9))) == pytest.approx(2.0 + 2 * 1.0 + 2 * 0.3 * 0.5)


def test_rows_without_device_time_have_no_estimate_of_it() -> None:
    assert device_seconds(estimate(judged(Job(drafts=[KEPT, REJECTED], latency_s=10.0)), digit(9))) is None


def test_thresholds_that_decide_alike_are_named_as_one() -> None:
    scores = np.array([2.0, 2.0, 5.0, 9.0, np.nan])
    found = list(differing(scores, ScoreMethod.GREEDY, 7.0))
    assert [(each.low, each.high) for each in found] == [(0, 2), (3, 5), (6, 9)]
    # The present one stands for its group.
    assert [each.threshold for each in found] == [2, 5, 7]


def test_thresholds_that_keep_nothing_are_one_too_and_an_odd_one_in_force_has_its_place() -> None:
    found = list(differing(np.array([6.0]), ScoreMethod.GREEDY, 6.5))
    assert [(each.low, each.high, each.threshold) for each in found] == [(0, 6, 6), (6.5, 9, 6.5)]


def test_expected_scores_just_below_nine_have_thresholds_of_their_own() -> None:
    found = list(differing(np.array([8.9997, 8.95, 3.0]), ScoreMethod.EXPECTED))
    assert [(each.low, each.high) for each in found] == [(0, 3), (3.5, 8.9), (8.99, 8.999), (9, 9)]


def test_the_table_falls_from_threshold_to_threshold_and_marks_the_present_one_once() -> None:
    replay = replay_of(random_batch(3), asked=expected(4.2))
    for estimates in (replay.by_digit, replay.by_expected_score):
        numbers = [each.num_accepted for each in estimates]
        assert numbers == sorted(set(numbers), reverse=True)
    assert [each.rule for each in replay.by_digit if each.is_present] == [digit(7)]
    assert not any(each.is_present for each in replay.by_expected_score)
    assert replay.asked is not None
    assert (replay.asked.rule, replay.asked.low, replay.asked.high) == (expected(4.2), 4.2, 4.2)


def test_drafts_that_were_decided_by_another_rule_are_counted() -> None:
    batch = judged(Job(drafts=[Draft(digit=3, kept=True), KEPT]))
    assert replay_of(batch).num_unlike == 1


def test_which_right_and_which_wrong_drafts_are_accepted_changes_with_the_threshold() -> None:
    drafts = [
        Draft(digit=9, kept=True, is_right=True),
        Draft(digit=8, kept=True, is_right=False),
        Draft(digit=5, kept=False, is_right=True, written_tokens=9, written_s=1.0),
    ]
    batch = judged(Job(drafts=drafts))
    figures = [(e.high, e.right_accepted, e.wrong_accepted) for e in replay_of(batch).by_digit]
    assert figures == [(5, 1.0, 1.0), (8, 0.5, 1.0), (9, 0.5, 0.0)]


def test_the_errors_of_predictions_are_over_the_problems_that_both_batches_have_timed() -> None:
    def batch(threshold: float, problems: tuple[int, ...]) -> JudgedBatch:
        draft = KEPT if threshold == 7 else Draft(digit=8, kept=False, written_tokens=15, written_s=1.5)
        jobs = (Job(problem=number, latency_s=2.0 + number, drafts=[draft]) for number in problems)
        return judged(*jobs, threshold=threshold)

    found = compare([batch(7, (0, 1, 2, 3, 4)), batch(9, (0, 2, 3))], digit(7))
    assert found["arms"]["greedy@9"]["latency_s"]["measured"] == pytest.approx((2 + 4 + 5) / 3, abs=1e-4)
    assert found["arms"]["greedy@9"]["acceptance"]["error"] == 0
