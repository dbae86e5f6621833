"""Who writes the next step, and whether a scored draft is kept. Policies compose; the loop has no branches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from specreason.engines.base import Role
from specreason.reasoning.steps import Decision


class Policy(Protocol):
    """Asked once before each THINK step, and once for each scored draft."""

    @property
    def threshold(self) -> float | None:
        """The acceptance threshold in force, if drafts are scored at all."""

    @property
    def answers(self) -> Role:
        """Who writes the ANSWER phase."""

    def without_draft(self, index: int) -> Decision | None:
        """Why step `index` is written without draft and verdict; None asks for both."""

    def accepts(self, score: float) -> bool: ...


@dataclass(frozen=True, slots=True)
class Threshold:
    """Every step is drafted; a draft scored at least `threshold` is kept (paper §4.1)."""

    threshold: float
    answers: Role = Role.BASE

    def without_draft(self, index: int) -> Decision | None:
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

    @property
    def answers(self) -> Role:
        return self.then.answers

    def without_draft(self, index: int) -> Decision | None:
        return Decision.FIRST_STEPS_ON_BASE if index < self.n else self.then.without_draft(index)

    def accepts(self, score: float) -> bool:
        return self.then.accepts(score)


@dataclass(frozen=True, slots=True)
class BaseOnly:
    """No drafts: the base model alone."""

    threshold: None = None
    answers: Role = Role.BASE

    def without_draft(self, index: int) -> Decision | None:
        return Decision.BASE_ONLY

    def accepts(self, score: float) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class DrafterOnly:
    """No verdicts: the drafter alone, its answer included."""

    threshold: None = None
    answers: Role = Role.DRAFTER

    def without_draft(self, index: int) -> Decision | None:
        return Decision.DRAFTER_ONLY

    def accepts(self, score: float) -> bool:
        return True
