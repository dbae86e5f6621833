"""What utility scores are worth: against the answers of their jobs, and against the truth where it is known."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

from specreason.evaluation.intervals import Interval
from specreason.evaluation.judge.drafts import Drafts, Graded, Jobs, JudgedBatch, share
from specreason.evaluation.judge.judgement import Bin, DraftKind, Outcome, Truth, Verdicts
from specreason.evaluation.ranking import auc, auc_difference
from specreason.evaluation.scientific import np

# A score is one of ten digits; an expected score lies between two of them.
DIGITS = [(float(digit), float(digit)) for digit in range(10)]
BETWEEN_DIGITS = [(float(digit), float(digit + 1)) for digit in range(9)]
# Steps of a trace and tokens of a draft: first one by one, then in ranges that double.
POSITIONS = [(0, 0), (1, 1), (2, 3), (4, 7), (8, 15), (16, 31), (32, 63), (64, 127), (128, math.inf)]
LENGTHS = [(1, 8), (9, 16), (17, 32), (33, 64), (65, 128), (129, 256), (257, math.inf)]


def verdicts(drafts: Drafts, jobs: Jobs) -> Verdicts:
    """What the base said of the drafts; there is at least one."""
    problems = jobs.problem[drafts.job]
    acceptance, no_digit = share(drafts.is_accepted, problems), share(drafts.digit < 0, problems)
    assert acceptance is not None
    assert no_digit is not None
    mass = drafts.non_digit_mass[~np.isnan(drafts.non_digit_mass)]
    return Verdicts(
        num_drafts=len(drafts),
        num_accepted=int(drafts.is_accepted.sum()),
        acceptance=acceptance,
        num_no_digit=int((drafts.digit < 0).sum()),
        no_digit=no_digit,
        mean_non_digit_mass=float(mass.mean()) if len(mass) else None,
        largest_non_digit_mass=float(mass.max()) if len(mass) else None,
    )


def outcome(drafts: Drafts, jobs: Jobs) -> Outcome | None:
    """The scores against the answers; None if no job with a draft is graded."""
    is_right = jobs.is_correct[drafts.job]
    known = ~np.isnan(is_right)
    if not known.any():
        return None
    graded = np.unique(drafts.job[known])
    kept = drafts.is_accepted
    problems = jobs.problem[drafts.job]
    digit_auc, expected_auc, gain = _aucs(drafts, is_right, problems)
    return Outcome(
        num_jobs=len(graded),
        num_problems=len(np.unique(jobs.problem[graded])),
        num_right=int(jobs.is_correct[graded].sum()),
        num_drafts=int(known.sum()),
        digit_auc=digit_auc,
        expected_auc=expected_auc,
        expected_gain=gain,
        right_after_acceptance=_where(is_right, problems, known & kept),
        right_after_rejection=_where(is_right, problems, known & ~kept),
    )


def truth(drafts: Drafts, jobs: Jobs, graded: Graded) -> Truth | None:
    """The scores against the truth about each draft; None if no draft's is known."""
    known = ~np.isnan(graded.is_right)
    if not known.any():
        return None
    right, problems, kept = graded.is_right, jobs.problem[drafts.job], drafts.is_accepted
    digit_auc, expected_auc, gain = _aucs(drafts, right, problems)
    return Truth(
        num_problems=len(np.unique(problems[known])),
        num_right=int((right[known] == 1).sum()),
        num_wrong=int((right[known] == 0).sum()),
        right_accepted=_where(kept, problems, right == 1),
        wrong_accepted=_where(kept, problems, right == 0),
        digit_auc=digit_auc,
        expected_auc=expected_auc,
        expected_gain=gain,
        kinds=tuple(_kinds(graded, kept, problems)),
    )


def by_score(batch: JudgedBatch) -> tuple[Bin, ...]:
    """One bin for each digit that occurs."""
    return _bins(batch, batch.drafts.digit, DIGITS)


def by_expected_score(batch: JudgedBatch) -> tuple[Bin, ...]:
    """One bin between each two digits. A score on a digit lies in the upper bin, 9 in the last one."""
    lower = np.minimum(np.floor(batch.drafts.expected), 8)
    bins = _bins(batch, lower, [(low, low) for low, _ in BETWEEN_DIGITS])
    high = dict(BETWEEN_DIGITS)
    return tuple(replace(each, high=high[each.low]) for each in bins)


def by_position(batch: JudgedBatch) -> tuple[Bin, ...]:
    """Bins by the index of the step in its trace."""
    return _bins(batch, batch.drafts.position, POSITIONS)


def by_length(batch: JudgedBatch) -> tuple[Bin, ...]:
    """Bins by the tokens of the draft."""
    return _bins(batch, batch.drafts.tokens, LENGTHS)


def _bins(batch: JudgedBatch, values: np.ndarray, ranges: Sequence[tuple[float, float]]) -> tuple[Bin, ...]:
    """The bins that have a draft. An open one ends at its largest value."""
    drafts, jobs = batch.drafts, batch.jobs
    problems, answer = jobs.problem[drafts.job], jobs.is_correct[drafts.job]
    truth = batch.graded.is_right if batch.graded is not None else np.full(len(drafts), np.nan)
    is_graded, is_known = ~np.isnan(answer), ~np.isnan(truth)
    bins = []
    for low, high in ranges:
        here = (values >= low) & (values <= high)
        acceptance = _where(drafts.is_accepted, problems, here)
        if acceptance is None:
            continue
        bins.append(
            Bin(
                low=float(low),
                high=float(high if math.isfinite(high) else values[here].max()),
                num_drafts=int(here.sum()),
                acceptance=acceptance,
                num_graded=int((here & is_graded).sum()),
                became_right=_where(answer, problems, here & is_graded),
                is_right=_where(truth, problems, here & is_known),
            )
        )
    return tuple(bins)


def _kinds(graded: Graded, kept: np.ndarray, problems: np.ndarray) -> Iterator[DraftKind]:
    """The kinds that occur, the one that deserves most first."""
    for number in sorted(range(len(graded.kinds)), key=lambda each: -graded.kinds[each][1]):
        here = graded.kind == number
        acceptance = _where(kept, problems, here)
        if acceptance is not None:
            kind, deserved = graded.kinds[number]
            yield DraftKind(kind=kind, deserved=deserved, num_drafts=int(here.sum()), acceptance=acceptance)


def _where(hits: np.ndarray, problems: np.ndarray, here: np.ndarray) -> Interval | None:
    return share(hits[here], problems[here])


def _aucs(
    drafts: Drafts, is_right: np.ndarray, problems: np.ndarray
) -> tuple[Interval | None, Interval | None, Interval | None]:
    """The AUC of the digit, that of the expected score, and how much larger the second is where both are known."""
    digit, expected = drafts.digit.astype(float), drafts.expected
    known = ~np.isnan(is_right)
    has_digit, has_expected = known & (digit >= 0), known & ~np.isnan(expected)

    def area(scores: np.ndarray, here: np.ndarray) -> Interval | None:
        return auc(scores[here], is_right[here] == 1, problems[here]) if here.any() else None

    both = has_digit & has_expected
    gain = (
        auc_difference(expected[both], digit[both], is_right[both] == 1, problems[both])
        if both.any()
        else None
    )
    return area(digit, has_digit), area(expected, has_expected), gain
