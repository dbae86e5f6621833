"""The limits of the next step, and when the thinking has to close. Pure arithmetic on token counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from specreason.engines.base import Role
from specreason.errors import PromptTooLong
from specreason.reasoning.steps import Decision, Phase, StepRecord, StopReason, kept_thinking_tokens
from specreason.reasoning.transcript import Transcript

# Steps. A longer sequence that repeats itself does not count as a circle.
LONGEST_CIRCLE = 8
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

    `context_ends` is the length, in each model's own tokens, up to which a transcript may think: the rest of the
    context is for the answer. Engines silently shorten a completion at the context's end, so no call asks for more.
    """

    token_budget: int
    context_ends: Mapping[Role, int]
    max_steps: int
    max_step_tokens: int
    max_answer_tokens: int
    # 0: circles do not close the thinking.
    max_same_steps: int = 0

    def step_tokens(self, transcript: Transcript) -> int:
        """The most tokens that the next THINK step may have; not positive when the thinking has to close."""
        return min(self.room(transcript), self.max_step_tokens)

    def room(self, transcript: Transcript) -> int:
        """Thinking tokens that may still be kept."""
        left = self.token_budget - kept_thinking_tokens(transcript.steps)
        return min(left, self._context_left(transcript))

    def closing(self, transcript: Transcript) -> Decision | None:
        """The limit that forbids another THINK step, None if none does."""
        steps = transcript.steps
        if kept_thinking_tokens(steps) >= self.token_budget:
            return Decision.CLOSED_TOKEN_BUDGET
        if self._context_left(transcript) <= 0:
            return Decision.CLOSED_CONTEXT_FULL
        if sum(step.phase is Phase.THINK for step in steps) >= self.max_steps:
            return Decision.CLOSED_MAX_STEPS
        if self.max_same_steps and goes_in_circles(steps, self.max_same_steps):
            return Decision.CLOSED_REPEATED_STEP
        return None

    def _context_left(self, transcript: Transcript) -> int:
        return min(end - transcript.num_tokens(role) for role, end in self.context_ends.items())


def goes_in_circles(steps: Sequence[StepRecord], times: int) -> bool:
    """Whether the last one to eight steps have been kept `times` times in a row, word for word."""
    texts = [step.kept_text for step in steps[-LONGEST_CIRCLE * times :]]
    return any(
        texts[-length * times :] == texts[-length:] * times
        for length in range(1, min(LONGEST_CIRCLE, len(texts) // times) + 1)
    )


def context_end(*, max_model_len: int, prompt: int, closing: int, judge: int, max_answer_tokens: int) -> int:
    """The length at which thinking has to end in a context of `max_model_len`.

    Room is left for the longer of answer and judge's suffix, because the context never holds both. Raises PromptTooLong
    if the prompt leaves no room.
    """
    answer = closing + min(max_answer_tokens, max_model_len // ANSWER_SHARE)
    end = max_model_len - max(answer, judge + 1)
    if end <= prompt:
        raise PromptTooLong(
            f"problem: {PromptTooLong.SAYS}{prompt} tokens; a context of {max_model_len} leaves no room for thinking"
            f" and an answer (at most {end - 1} fit)"
        )
    return end
