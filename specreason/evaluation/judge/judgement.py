"""Values of a judgement: what a batch's utility scores are worth, and what other thresholds would have done.

A figure is None where there is nothing to make one of, such as a graded answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from specreason.config import ScoreMethod
from specreason.evaluation.intervals import Interval

ASSUMPTION = (
    "An estimate: it decides the drafts of this batch anew, each behind the steps that were kept here. After another "
    "decision the next drafts would differ. A lower threshold leaves worse steps before them than the estimate "
    "assumes: fewer are accepted then, and a trace may grow by corrections. A higher one leaves better steps."
)
OF_ADAPTIVE = (
    "This batch is adaptive: it stopped drafting where few drafts were accepted, and another threshold would have "
    "stopped elsewhere. The estimates keep the steps that were drafted here."
)
OF_THE_OUTCOME = (
    "The base writes a rejected draft again, so a job may become right although a draft of it was wrong: against the "
    "answer, a judge that works looks worse than it is."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """How a scored draft is decided: accepted from this score on, by this method."""

    score_method: ScoreMethod
    threshold: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """Drafts whose score, place in the trace or length lies between `low` and `high`.

    `acceptance` is the share that the batch accepted. `became_right` is the share of the `num_graded` drafts in graded
    jobs whose job has the right answer, `is_right` that of right drafts, where the truth about them is known.
    """

    low: float
    high: float
    num_drafts: int
    acceptance: Interval
    num_graded: int
    became_right: Interval | None
    is_right: Interval | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdicts:
    """What the base said of the drafts. `no_digit` is the share of verdicts that were no digit; they reject.

    The mass is the probability that a verdict had on no digit, where all ten are known.
    """

    num_drafts: int
    num_accepted: int
    acceptance: Interval
    num_no_digit: int
    no_digit: Interval
    mean_non_digit_mass: float | None
    largest_non_digit_mass: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The scores against the answers of graded jobs.

    The AUC is the chance that a draft of a right job has a higher score than one of a wrong job; `expected_gain` is how
    much larger that of the expected score is than that of the digit. The last two are the shares of accepted and of
    rejected drafts whose job has the right answer.
    """

    num_jobs: int
    num_problems: int
    num_right: int
    num_drafts: int
    digit_auc: Interval | None
    expected_auc: Interval | None
    expected_gain: Interval | None
    right_after_acceptance: Interval | None
    right_after_rejection: Interval | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftKind:
    """Drafts of one kind: what is wrong with them, or `right` or `terse`, and the score that such a draft deserves."""

    kind: str
    deserved: int
    num_drafts: int
    acceptance: Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """The scores against what the problems' own rules say of each draft, where they can.

    `right_accepted` and `wrong_accepted` are the shares of right and of wrong drafts that the batch accepted.
    """

    num_problems: int
    num_right: int
    num_wrong: int
    right_accepted: Interval | None
    wrong_accepted: Interval | None
    digit_auc: Interval | None
    expected_auc: Interval | None
    expected_gain: Interval | None
    kinds: tuple[DraftKind, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepCosts:
    """What steps cost in this batch: means in seconds, at its concurrency. `length_ratio` is the number of tokens that
    the base writes in place of one token of a draft that it rejects. Device seconds are None where they are not known.
    """

    base_ttft_s: float
    base_token_s: float
    verify_s: float
    draft_s: float
    # The part of a draft that ran beside the verification before it.
    ahead_s: float
    length_ratio: float
    verdict_device_s: float | None
    base_token_device_s: float | None
    draft_device_share: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What a rule would have done with the drafts of a batch.

    All thresholds from `low` to `high` decide alike; `rule` names one of them. `num_changed` drafts are decided
    otherwise than they were. `rewritten_tokens` is what the base would write in place of drafts. The ratio is that of
    latencies, to the batch's own. Right and wrong drafts are known only where the batch has a `Truth`.
    """

    rule: Rule
    low: float
    high: float
    is_present: bool
    num_changed: int
    num_accepted: int
    acceptance: Interval
    rewritten_tokens: float
    latency_s: Interval | None
    latency_ratio: Interval | None
    device_s: Interval | None
    right_accepted: float | None
    wrong_accepted: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """Every rule that decides some draft otherwise than its neighbours, by both methods; and the one asked for.

    Latencies are those of `num_timed` jobs, which succeeded in one attempt, at `concurrency` in flight. `num_unlike`
    drafts were not decided as the batch's own rule says. `costs` are None if the base wrote nothing.
    """

    present: Rule
    num_timed: int
    concurrency: float | None
    costs: StepCosts | None
    num_unlike: int
    by_digit: tuple[Estimate, ...]
    by_expected_score: tuple[Estimate, ...]
    asked: Estimate | None
    assumption: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What a batch's judge is worth. `summary` says it in sentences, `remarks` what to keep in mind.

    Everything is about the jobs that have ended with a step: `num_jobs` over `num_problems`; `num_open` jobs have not
    ended. In a very large batch it is about `share_read` of the problems, drawn at random. The parts are None, and the
    bins empty, if there is no draft. `problems_digest` is the same for batches over the same problems.
    """

    batch_id: UUID
    name: str
    pair: str
    scheme: str
    num_jobs: int
    num_problems: int
    num_open: int
    problems_digest: str
    share_read: float
    summary: tuple[str, ...]
    remarks: tuple[str, ...]
    verdicts: Verdicts | None = None
    outcome: Outcome | None = None
    truth: Truth | None = None
    by_score: tuple[Bin, ...] = ()
    by_expected_score: tuple[Bin, ...] = ()
    by_position: tuple[Bin, ...] = ()
    by_length: tuple[Bin, ...] = ()
    replay: Replay | None = None
