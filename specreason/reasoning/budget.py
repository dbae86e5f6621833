"""What the next step may spend, and when the thinking has to close. Pure arithmetic on token counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from specreason.errors import PromptTooLong
from specreason.reasoning.steps import Decision, Phase, StepRecord, StopReason, kept_thinking_tokens

LONGEST_CIRCLE = 8  # steps: what repeats itself only after more is not taken for a loop
# The share of the context that is held back for the answer when max_answer_tokens asks for more.
ANSWER_SHARE = 8

STOP_REASON_OF = {
    Decision.CLOSED_EOS: StopReason.ANSWERED,
    Decision.CLOSED_TOKEN_BUDGET: StopReason.TOKEN_BUDGET,
    Decision.CLOSED_CONTEXT_FULL: StopReason.CONTEXT_FULL,
    Decision.CLOSED_MAX_STEPS: StopReason.MAX_STEPS,
    Decision.CLOSED_REPEATED_STEP: StopReason.REPEATED_STEP,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Limits of one run, tokens. `token_budget` bounds kept thinking tokens and is never overshot (paper §5.1).

    `context_room` is what the context leaves for thinking beside the prompt, the closing tag and what follows
    the thinking: engines shorten a completion silently at the context's end, so we never ask for more.
    """

    token_budget: int
    context_room: int
    max_steps: int
    max_step_tokens: int
    max_answer_tokens: int
    max_same_steps: int = 0  # 0: going round in circles is no reason to stop

    def step_tokens(self, steps: Sequence[StepRecord]) -> int:
        """Most tokens that the next THINK step may have; not positive when the thinking has to close."""
        return min(self.room(steps), self.max_step_tokens)

    def room(self, steps: Sequence[StepRecord]) -> int:
        """Thinking tokens that may still be kept."""
        return min(self.token_budget, self.context_room) - kept_thinking_tokens(steps)

    def closing(self, steps: Sequence[StepRecord]) -> Decision | None:
        """Which limit forbids another THINK step, if one does."""
        kept = kept_thinking_tokens(steps)
        if kept >= self.token_budget:
            return Decision.CLOSED_TOKEN_BUDGET
        if kept >= self.context_room:
            return Decision.CLOSED_CONTEXT_FULL
        if sum(step.phase is Phase.THINK for step in steps) >= self.max_steps:
            return Decision.CLOSED_MAX_STEPS
        if self.max_same_steps and goes_in_circles(steps, self.max_same_steps):
            return Decision.CLOSED_REPEATED_STEP
        return None


def goes_in_circles(steps: Sequence[StepRecord], times: int) -> bool:
    """Whether the last one to eight steps have been kept `times` times in a row, word for word."""
    texts = [step.kept_text for step in steps[-LONGEST_CIRCLE * times :]]
    return any(
        texts[-length * times :] == texts[-length:] * times
        for length in range(1, min(LONGEST_CIRCLE, len(texts) // times) + 1)
    )


def context_room(*, max_model_len: int, prompt: int, closing: int, judge: int, max_answer_tokens: int) -> int:
    """Tokens for thinking in a context of `max_model_len`. The answer and the judge's suffix never stand together.

    Raises PromptTooLong if nothing is left.
    """
    answer = closing + min(max_answer_tokens, max_model_len // ANSWER_SHARE)
    room = max_model_len - prompt - max(answer, judge + 1)
    if room <= 0:
        raise PromptTooLong(
            f"problem: the prompt has {prompt} tokens; a context of {max_model_len} leaves no room for thinking"
            f" and an answer (at most {prompt + room - 1} fit)"
        )
    return room
