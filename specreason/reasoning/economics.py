"""Whether drafting pays: measured costs against the share of drafts that are kept.

Drafting a step costs its draft and its verdict, and if that rejects it, the base's own writing besides. Left to the
base outright it costs that writing alone. So drafting pays from the acceptance on at which

    draft_s + verify_s = acceptance × tokens × base_s_per_token

Below that break-even SpecReason is slower than the base alone: a public rerun of the paper's code had it at 24 %, and
one problem at 9 %.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from specreason.engines.base import Role
from specreason.reasoning.steps import Odds, StepRecord

WINDOW = 32  # steps: what is longer ago fades
OPTIMISM = 2  # as if so many drafts had been kept before the first: one rejection is no verdict on a drafter


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
    """One per pair and configuration: jobs that run beside each other learn from each other.

    Belongs to one event loop, and to one process: it starts anew with a worker, so what it says is not reproducible,
    and is stored with every step that it was asked for.
    """

    _accepted: FadingMean = field(default_factory=lambda: FadingMean(1.0, OPTIMISM))
    _drafting_s: FadingMean = field(default_factory=FadingMean)  # waiting for draft and verdict, per step
    _tokens: FadingMean = field(default_factory=FadingMean)  # kept, per drafted step
    _base_token_s: FadingMean = field(default_factory=FadingMean)  # per token that the base wrote
    tokens_since_draft: int = 0

    def see(self, step: StepRecord) -> None:
        """Learn from a step that was kept."""
        if step.author is Role.BASE and step.written is not None:
            self._base_token_s.see(step.written.waited_s / step.written.num_tokens)
        if step.draft is None or step.verdict is None:
            self.tokens_since_draft += step.num_kept_tokens
            return
        self.tokens_since_draft = 0
        self._accepted.see(float(step.written is None))
        self._drafting_s.see(step.draft.waited_s + step.verdict.latency_s)
        self._tokens.see(float(step.num_kept_tokens))

    @property
    def odds(self) -> Odds | None:
        """None until a draft was scored and the base has written something."""
        means = (self._accepted.value, self._drafting_s.value, self._tokens.value, self._base_token_s.value)
        accepted, drafting_s, tokens, token_s = means
        if accepted is None or drafting_s is None or not tokens or not token_s:
            return None
        return Odds(acceptance=accepted, break_even=drafting_s / (tokens * token_s))
