"""What a judge is worth, in sentences."""

from __future__ import annotations

from specreason.evaluation.intervals import Interval, within
from specreason.evaluation.judge.judgement import Outcome, Truth
from specreason.words import counted

# From these AUCs on a score tells cases apart passably, and well.
PASSABLE, WELL = 0.65, 0.8
PERCENT = "{:.0%}"
# An interval this wide that holds one half says nothing.
TOO_WIDE = 0.4


def against_answers(outcome: Outcome | None, *, expected: bool) -> str:
    """What the score in force, the expected one or the digit, says of the answers."""
    if outcome is None:
        return "Whether the score tells right from wrong is unknown: no answer is graded."
    if outcome.num_right in (0, outcome.num_jobs):
        right = "right" if outcome.num_right else "wrong"
        which = (
            f"all {outcome.num_jobs:,} graded answers are" if outcome.num_jobs > 1 else "the graded answer is"
        )
        return f"Whether the score tells right from wrong is unknown: {which} {right}."
    area = outcome.expected_auc if expected else outcome.digit_auc
    if area is None:
        return "Whether the score tells right from wrong is unknown: too few verdicts have a digit."
    told = _told(area, "right from wrong answers", outcome.num_problems)
    return f"The {'expected score' if expected else 'score'} {told}."


def against_truth(truth: Truth, *, expected: bool) -> str:
    """What it says of the drafts themselves."""
    shares = [
        f"{in_brackets(share, PERCENT)} of the {number:,} {kind} drafts"
        for share, number, kind in (
            (truth.right_accepted, truth.num_right, "right"),
            (truth.wrong_accepted, truth.num_wrong, "wrong"),
        )
        if share is not None
    ]
    area = truth.expected_auc if expected else truth.digit_auc
    judge = f"Against the truth about each draft, the judge accepts {' and '.join(shares)}"
    if area is None:
        return f"{judge}."
    return f"{judge}: it {_told(area, 'right from wrong drafts', truth.num_problems)}."


def in_brackets(interval: Interval, form: str = "{:.2f}") -> str:
    """A figure and its interval: 0.52 (95 %: 0.44 to 0.60)."""
    figure, bounds = form.format(interval.mean), within(interval, form.format)
    return figure if bounds is None else f"{figure} (95 %: {bounds})"


def _told(area: Interval, what: str, num_problems: int) -> str:
    """How well a score tells cases apart."""
    problems, verb = counted(num_problems, "problem"), "is" if num_problems == 1 else "are"
    figure = f"AUC {in_brackets(area)}"
    unknown = f"may or may not tell {what} ({problems} {verb} too few to say): {figure}"
    if area.bounds is None:
        return unknown
    low, high = area.bounds
    if low <= 0.5 <= high:
        if high - low > TOO_WIDE:
            return unknown
        return f"does not tell {what}: {figure}"
    if high < 0.5:
        return f"points the wrong way, it is higher for what is wrong: {figure}"
    if area.mean < PASSABLE:
        return f"hardly tells {what}: {figure}"
    return f"tells {what}{' well' if area.mean >= WELL else ', but not well'}: {figure}"
