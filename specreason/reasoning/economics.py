"""Whether drafting pays: measured costs against the share of drafts that are kept.

Drafting a step costs its draft and its verdict, and if that rejects it, the base's own writing besides. Left to the
base outright it costs that writing alone. So drafting pays from the acceptance on at which

    draft_s + verify_s = acceptance × tokens × seconds per token of the base

Below that break-even SpecReason is slower than the base alone: a public rerun of the paper's code had it at 24 %, and
one problem at 9 %.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from specreason.engines.base import Role
from specreason.reasoning.steps import Odds, StepRecord

WINDOW = 16  # steps: what is longer ago fades
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
    # What the base wrote after the first token: left alone it writes on, and pays for no new prompt.
    _base_s: FadingMean = field(default_factory=FadingMean)
    _base_tokens: FadingMean = field(default_factory=FadingMean)
    tokens_since_draft: int = 0

    def see(self, step: StepRecord) -> None:
        """Learn from a step that was kept."""
        if step.author is Role.BASE and step.written is not None:
            self._base_s.see(step.written.latency_s - step.written.ttft_s)
            self._base_tokens.see(step.written.num_tokens - 1)
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
        accepted, drafting_s, tokens = self._accepted.value, self._drafting_s.value, self._tokens.value
        base_s, base_tokens = self._base_s.value, self._base_tokens.value
        if accepted is None or drafting_s is None or not (tokens and base_s and base_tokens):
            return None
        return Odds(acceptance=accepted, break_even=drafting_s / (tokens * base_s / base_tokens))
