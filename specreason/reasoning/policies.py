"""Which model writes the next step, and whether a scored draft is kept. Policies compose; the loop has no branches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from specreason.reasoning.economics import Economics
from specreason.reasoning.steps import Decision, Odds, StepRecord


class Policy(Protocol):
    """Asked before each THINK step, before a draft ahead of its step, and once for each scored draft."""

    @property
    def threshold(self) -> float | None:
        """The acceptance threshold in force, if drafts are scored at all."""

    def without_draft(self, steps: Sequence[StepRecord]) -> Decision | None:
        """Why the step after `steps` is written without draft and verdict; None asks for both."""

    def accepts(self, score: float) -> bool: ...


def decide(policy: Policy, score: float | None) -> Decision:
    """The decision on a scored draft. No digit rejects it: a broken judge must not look like a lenient one."""
    if score is None:
        return Decision.REJECTED_NO_DIGIT
    return Decision.ACCEPTED if policy.accepts(score) else Decision.REJECTED


@dataclass(frozen=True, slots=True)
class Threshold:
    """Every step is drafted; a draft scored at least `threshold` is kept (paper §4.1)."""

    threshold: float

    def without_draft(self, steps: Sequence[StepRecord]) -> Decision | None:
        return None

    def accepts(self, score: float) -> bool:
        return score >= self.threshold


@dataclass(frozen=True, slots=True)
class FirstStepsOnBase:
    """The base writes the first `n` steps, which set the direction; `then` decides the rest (paper §4.1)."""

    n: int
    then: Policy

    @property
    def threshold(self) -> float | None:
        return self.then.threshold

    def without_draft(self, steps: Sequence[StepRecord]) -> Decision | None:
        return Decision.FIRST_STEPS_ON_BASE if len(steps) < self.n else self.then.without_draft(steps)

    def accepts(self, score: float) -> bool:
        return self.then.accepts(score)


@dataclass(frozen=True, slots=True)
class Adaptive:
    """Below break-even the base writes without drafts, except for one now and then that measures the odds again.

    `probe_tokens` is the number of tokens that the base keeps between two such drafts.
    """

    economics: Economics
    probe_tokens: int
    then: Policy

    @property
    def threshold(self) -> float | None:
        return self.then.threshold

    def without_draft(self, steps: Sequence[StepRecord]) -> Decision | None:
        if self.below_break_even(self.economics.odds(steps)):
            return Decision.BELOW_BREAK_EVEN
        return self.then.without_draft(steps)

    def below_break_even(self, odds: Odds | None) -> bool:
        """Whether the base writes without a draft at these odds. Pass stored odds to replay a trace."""
        if odds is None or odds.acceptance >= odds.break_even:
            return False
        return odds.tokens_since_draft < self.probe_tokens

    def accepts(self, score: float) -> bool:
        return self.then.accepts(score)


@dataclass(frozen=True, slots=True)
class SingleModel:
    """No drafts and no verdicts: one model writes everything, as `decision` says."""

    decision: Decision
    threshold: None = None

    def without_draft(self, steps: Sequence[StepRecord]) -> Decision | None:
        return self.decision

    def accepts(self, score: float) -> bool:
        return False
