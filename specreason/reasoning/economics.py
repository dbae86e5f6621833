"""Whether drafting pays: measured costs against the share of drafts that are kept.

Drafting a step costs its draft and its verdict, and if that rejects it, the base's own call besides. Left alone, the
base writes the step for the time of its tokens, without a call of its own. So drafting pays from the acceptance on at
which

    draft_s + verify_s + (1 - acceptance) × ttft_s = acceptance × tokens × seconds per token of the base

Below that break-even SpecReason is slower than the base alone: a public rerun of the paper's code had it at 24 %, and
one problem at 9 %.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from specreason.engines.base import Role
from specreason.reasoning.steps import Odds, StepRecord

WINDOW = 64  # steps of all jobs: what is longer ago fades
OWN_WINDOW = 16  # steps of one job
PRIOR = 4  # a job is thought to be like the others, as if so many steps of it had been seen


@dataclass(slots=True)
class FadingMean:
    """The mean of what was seen, in which the last `WINDOW` weigh most; None before the first."""

    value: float | None = None
    num_seen: int = 0

    def see(self, value: float) -> None:
        self.num_seen += 1
        weight = max(1 / self.num_seen, 1 / WINDOW)
        self.value = value if self.value is None else self.value + weight * (value - self.value)


@dataclass(slots=True)
class Economics:
    """One per pair and configuration: jobs share what drafting costs, and begin with the others' acceptance.

    Belongs to one event loop, and to one process: it starts anew with a worker, so what it says is not reproducible,
    and is stored with every step that it was asked for.
    """

    _accepted: FadingMean = field(default_factory=lambda: FadingMean(1.0, PRIOR))
    _drafting_s: FadingMean = field(default_factory=FadingMean)  # waiting for draft and verdict, per step
    _tokens: FadingMean = field(default_factory=FadingMean)  # kept, per drafted step
    _ttft_s: FadingMean = field(default_factory=FadingMean)  # of the base's calls
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
        """For the step after `steps`; None until a draft was scored and the base has written something."""
        drafting_s, tokens, ttft_s = self._drafting_s.value, self._tokens.value, self._ttft_s.value
        base_s, base_tokens = self._base_s.value, self._base_tokens.value
        if drafting_s is None or ttft_s is None or not (tokens and base_s and base_tokens):
            return None
        step_s = tokens * base_s / base_tokens
        return Odds(
            acceptance=self._acceptance(steps),
            break_even=(drafting_s + ttft_s) / (step_s + ttft_s),
            tokens_since_draft=self._tokens_since_draft,
        )

    def _acceptance(self, steps: Sequence[StepRecord]) -> float:
        """Of this job's last drafts, and of the others' as far as this job has few."""
        own = [step.written is None for step in steps[-OWN_WINDOW:] if step.draft is not None]
        others = self._accepted.value or 0.0
        return (PRIOR * others + sum(own)) / (PRIOR + len(own))
