"""Puts a judgement together: calibration, truth and replay of one batch, and what they amount to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from specreason.config import RunConfig, ScoreMethod
from specreason.evaluation.judge import calibration
from specreason.evaluation.judge.drafts import JudgedBatch
from specreason.evaluation.judge.judgement import OF_ADAPTIVE, OF_THE_OUTCOME, Judgement, Outcome, Rule, Truth
from specreason.evaluation.judge.replay import replay
from specreason.evaluation.judge.worth import against_answers, against_truth
from specreason.words import counted


def judge(batch: JudgedBatch, asked: Rule | None = None) -> Judgement:
    """What the judge of a batch is worth, and what the rule `asked` would have done."""
    drafts, jobs, config = batch.drafts, batch.jobs, batch.config
    empty = Judgement(
        batch_id=batch.batch_id,
        name=batch.name,
        pair=batch.pair,
        scheme=config.scheme,
        num_jobs=len(jobs.problem),
        num_problems=jobs.num_problems,
        num_open=batch.num_open,
        problems_digest=batch.problems_digest,
        share_read=batch.share_read,
        summary=(),
        remarks=(),
    )
    present = present_rule(config)
    if not len(drafts) or present is None:
        return replace(empty, summary=(_nothing_to_judge(batch),))
    outcome = calibration.outcome(drafts, jobs)
    truth = calibration.truth(drafts, jobs, batch.graded) if batch.graded is not None else None
    return replace(
        empty,
        summary=tuple(_summary(outcome, truth, expected=config.score_method is ScoreMethod.EXPECTED)),
        remarks=tuple(_remarks(batch, outcome)),
        verdicts=calibration.verdicts(drafts, jobs),
        outcome=outcome,
        truth=truth,
        by_score=calibration.by_score(batch),
        by_expected_score=calibration.by_expected_score(batch),
        by_position=calibration.by_position(batch),
        by_length=calibration.by_length(batch),
        replay=replay(batch, present, overlap=config.overlap, asked=asked),
    )


def present_rule(config: RunConfig) -> Rule | None:
    """The rule by which a batch decides; None if it scores no drafts."""
    if config.threshold is None or not config.scheme.drafts_steps:
        return None
    return Rule(score_method=config.score_method, threshold=config.threshold)


def _summary(outcome: Outcome | None, truth: Truth | None, *, expected: bool) -> Iterator[str]:
    yield against_answers(outcome, expected=expected)
    if truth is not None:
        yield against_truth(truth, expected=expected)


def _nothing_to_judge(batch: JudgedBatch) -> str:
    scheme, num_jobs = batch.config.scheme, len(batch.jobs.problem)
    if not scheme.drafts_steps:
        return f"There is nothing to judge: the scheme {scheme} scores no drafts."
    if num_jobs:
        return f"There is nothing to judge: {counted(num_jobs, 'job')} ended without a scored draft."
    if batch.num_open:
        return "There is nothing to judge yet: no job has ended."
    return "There is nothing to judge: no job ended with a step."


def _remarks(batch: JudgedBatch, outcome: Outcome | None) -> list[str]:
    remarks = []
    if batch.num_open:
        have = "has" if batch.num_open == 1 else "have"
        remarks.append(
            f"{counted(batch.num_open, 'job')} {have} not ended. Short jobs end first, so these figures will change."
        )
    if batch.share_read < 1:
        part = f"about {batch.share_read:.0%} of its problems"
        remarks.append(f"The batch is very large: this is {part}, drawn at random.")
    if batch.jobs.num_problems == 1:
        remarks.append("There is one problem only: of means there is no interval, and shares say little.")
    if batch.config.adaptive:
        remarks.append(OF_ADAPTIVE)
    if outcome is not None and 0 < outcome.num_right < outcome.num_jobs:
        remarks.append(OF_THE_OUTCOME)
    return remarks
