"""The scored drafts of a batch and its jobs as arrays: what calibration and replay compute on."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from specreason.config import RunConfig, ScoreMethod
from specreason.evaluation.clusters import share_over_problems
from specreason.evaluation.intervals import Interval
from specreason.evaluation.scientific import np


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Jobs:
    """One element per job that has ended with a step.

    NaN: `is_correct` is not graded, `latency_s` not of a job that succeeded in one attempt, another not known.
    """

    problem: np.ndarray
    is_correct: np.ndarray
    latency_s: np.ndarray
    concurrency: np.ndarray
    device_s: np.ndarray

    @property
    def num_problems(self) -> int:
        return len(np.unique(self.problem))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Drafts:
    """One element per draft, by job and then by place in its trace.

    `job` is an index into `Jobs`, `position` the index of the step. `digit` is -1, and `expected` NaN, where the
    verdict was no digit; `non_digit_mass` is NaN unless all ten probabilities are known. What the base wrote in place
    of a rejected draft is 0 where the draft was kept. Device seconds are NaN in rows that do not have them.
    """

    job: np.ndarray
    position: np.ndarray
    digit: np.ndarray
    expected: np.ndarray
    non_digit_mass: np.ndarray
    is_accepted: np.ndarray
    tokens: np.ndarray
    latency_s: np.ndarray
    ahead_s: np.ndarray
    verify_s: np.ndarray
    written_tokens: np.ndarray
    written_s: np.ndarray
    drafter_device_s: np.ndarray
    base_device_s: np.ndarray

    def __len__(self) -> int:
        return len(self.job)

    def scores(self, method: ScoreMethod) -> np.ndarray:
        """The score of each draft; NaN where there is none."""
        if method is ScoreMethod.EXPECTED:
            return self.expected
        return np.where(self.digit < 0, np.nan, self.digit)


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """Sums over calls in which the base wrote: tokens and seconds after the first token of each, and calls."""

    num_calls: int = 0
    ttft_s: float = 0.0
    tokens_after: int = 0
    after_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Graded:
    """The truth about each draft: 1 right, 0 wrong, NaN unknown. `kind` is an index into `kinds`, -1 if unknown.

    `kinds` are names with the score that such a draft deserves.
    """

    is_right: np.ndarray
    kind: np.ndarray
    kinds: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class JudgedBatch:
    """What the store has of a batch. `written` is the thinking of the base, or its answers if it wrote no other step.

    In a very large batch `share_read` of the problems are here. `graded` is None where no rules tell the truth.
    `num_open` jobs have not ended. `problems_digest` is the same for the same texts and chats, in whatever order.
    """

    batch_id: UUID
    name: str
    pair: str
    config: RunConfig
    jobs: Jobs
    drafts: Drafts
    written: Written
    num_open: int
    problems_digest: str
    share_read: float = 1.0
    graded: Graded | None = None


def share(hits: np.ndarray, problems: np.ndarray) -> Interval | None:
    """The share of hits among cases of these problems, clustered by problem; None without a case."""
    if not len(hits):
        return None
    return share_over_problems(np.bincount(problems, weights=hits), np.bincount(problems))
