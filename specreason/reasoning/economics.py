"""Whether drafting pays: measured costs against the share of drafts that are kept.

Drafting a step costs its draft and its verdict, and a call of the base if the verdict rejects it. Without drafts the
base writes the step for the time of its tokens, without a call of its own. So drafting pays from this acceptance on:

    draft_s + verify_s + (1 - acceptance) × ttft_s = acceptance × tokens × seconds per token of the base

Below that break-even SpecReason is slower than the base alone: a public rerun of the paper's code had it at 24 %, and
one problem at 9 %.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from specreason.engines.base import Role
from specreason.reasoning.steps import Odds, StepRecord

# The mean over all jobs weighs about this many recent steps.
WINDOW = 64
# The number of one job's recent steps that count.
OWN_WINDOW = 16
# The acceptance of the other jobs weighs as much as this many steps of the job itself.
PRIOR = 4


def break_even(*, drafting_s: float, step_s: float, ttft_s: float) -> float:
    """The acceptance from which on drafting pays, from seconds: of draft and verdict, of the base's own step, of TTFT.

    Above 1 it never pays. ZeroDivisionError where the base takes no time at all.
    """
    return (drafting_s + ttft_s) / (step_s + ttft_s)


@dataclass(slots=True)
class FadingMean:
    """A moving mean in which the last `WINDOW` values weigh most; None before the first value."""

    value: float | None = None
    num_seen: int = 0

    def see(self, value: float) -> None:
        self.num_seen += 1
        weight = max(1 / self.num_seen, 1 / WINDOW)
        self.value = value if self.value is None else self.value + weight * (value - self.value)


@dataclass(slots=True)
class Economics:
    """One per pair and configuration: jobs share the costs of drafting, and begin with the others' acceptance.

    It belongs to one event loop of one process, and starts empty with each worker. So its odds are not reproducible,
    and are stored with each step.
    """

    _accepted: FadingMean = field(default_factory=lambda: FadingMean(1.0, PRIOR))
    # Seconds of waiting for draft and verdict, per drafted step.
    _drafting_s: FadingMean = field(default_factory=FadingMean)
    # Kept tokens per drafted step.
    _tokens: FadingMean = field(default_factory=FadingMean)
    # Seconds to the first token of the base's calls.
    _ttft_s: FadingMean = field(default_factory=FadingMean)
    # In `_base_s` the base wrote `_base_tokens`, after the first token of a call.
    _base_s: FadingMean = field(default_factory=FadingMean)
    _base_tokens: FadingMean = field(default_factory=FadingMean)
    _tokens_since_draft: int = 0

    def see(self, step: StepRecord) -> None:
        """Learn from a step that was kept."""
        if step.author is Role.BASE and step.written is not None:
            self._ttft_s.see(step.written.ttft_s)
            self._base_s.see(step.written.latency_s - step.written.ttft_s)
            self._base_tokens.see(step.written.num_tokens - 1)
        if step.draft is None or step.verdict is None:
            self._tokens_since_draft += step.num_kept_tokens
            return
        self._tokens_since_draft = 0
        self._accepted.see(float(step.written is None))
        self._drafting_s.see(step.draft.waited_s + step.verdict.latency_s)
        self._tokens.see(float(step.num_kept_tokens))

    def odds(self, steps: Sequence[StepRecord]) -> Odds | None:
        """The odds for the step after `steps`; None until a draft was scored and the base has written something."""
        drafting_s, tokens, ttft_s = self._drafting_s.value, self._tokens.value, self._ttft_s.value
        base_s, base_tokens = self._base_s.value, self._base_tokens.value
        if drafting_s is None or ttft_s is None or not (tokens and base_s and base_tokens):
            return None
        step_s = tokens * base_s / base_tokens
        return Odds(
            acceptance=self._acceptance(steps),
            break_even=break_even(drafting_s=drafting_s, step_s=step_s, ttft_s=ttft_s),
            tokens_since_draft=self._tokens_since_draft,
        )

    def _acceptance(self, steps: Sequence[StepRecord]) -> float:
        """The share of this job's last drafts that were kept, completed by the other jobs' share while it has few."""
        own = [step.written is None for step in steps[-OWN_WINDOW:] if step.draft is not None]
        others = self._accepted.value or 0.0
        return (PRIOR * others + sum(own)) / (PRIOR + len(own))
