"""Values of the step loop: a step with its draft, verdict and decision, and a finished trace. No behaviour.

These are the rows of the step table before they are stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from specreason.engines.base import Completion, FinishReason, Role, Verdict
from specreason.engines.meter import DeviceTime


class Phase(StrEnum):
    """Explicit phases: a kept step that closes the thinking moves the run from THINK to ANSWER."""

    THINK = "think"
    ANSWER = "answer"


class Decision(StrEnum):
    """Why the kept text of a step was kept. `drafted` decisions have a draft and a verdict."""

    ACCEPTED = "accepted"  # the verdict reached the threshold: the draft is kept
    REJECTED = "rejected"  # it did not: the base wrote the step again
    REJECTED_NO_DIGIT = "rejected_no_digit"  # the verdict was no digit: rejected, as a score of None
    FIRST_STEPS_ON_BASE = "first_steps_on_base"  # the policy wants the base for the first n steps
    BELOW_BREAK_EVEN = "below_break_even"  # by measured costs drafting does not pay: the base writes alone
    BASE_ONLY = "base_only"  # the scheme asks for no drafts
    DRAFTER_ONLY = "drafter_only"  # the scheme asks for no verdicts
    ANSWER = "answer"  # the thinking is closed: the answer is written in one piece
    CLOSED_EOS = "closed_eos"  # the model ended inside its thinking: the loop closes it
    CLOSED_TOKEN_BUDGET = "closed_token_budget"  # the token budget is used up: the loop closes the thinking
    CLOSED_CONTEXT_FULL = "closed_context_full"  # the context has room only for the answer
    CLOSED_MAX_STEPS = "closed_max_steps"  # the number of steps reached its limit
    CLOSED_REPEATED_STEP = "closed_repeated_step"  # the thinking goes round in circles

    @property
    def drafted(self) -> bool:
        return self in (Decision.ACCEPTED, Decision.REJECTED, Decision.REJECTED_NO_DIGIT)

    @property
    def closes_thinking(self) -> bool:
        """No model wrote this step: it is the `</think>` that the loop put there."""
        return self.value.startswith("closed_")


# The author of a step of thought that a model wrote.
AUTHOR_OF = {
    Decision.ACCEPTED: Role.DRAFTER,
    Decision.REJECTED: Role.BASE,
    Decision.REJECTED_NO_DIGIT: Role.BASE,
    Decision.FIRST_STEPS_ON_BASE: Role.BASE,
    Decision.BELOW_BREAK_EVEN: Role.BASE,
    Decision.BASE_ONLY: Role.BASE,
    Decision.DRAFTER_ONLY: Role.DRAFTER,
}


class StopReason(StrEnum):
    """Why a run ended."""

    ANSWERED = "answered"  # a kept step closed the thinking and the answer was written
    TOKEN_BUDGET = "token_budget"  # the thinking used up its budget; an answer may still follow
    CONTEXT_FULL = "context_full"  # the context left no room for more thinking
    MAX_STEPS = "max_steps"  # the limit on the number of steps was reached
    REPEATED_STEP = "repeated_step"  # the same steps came again and again
    CANCELLED = "cancelled"  # someone cancelled the job or its batch
    DEADLINE = "deadline"  # the job's deadline passed


@dataclass(frozen=True, slots=True, kw_only=True)
class Odds:
    """Whether drafting pays, as measured on this pair and configuration up to a step (see `economics`)."""

    # The share of the recent drafts that were kept.
    acceptance: float
    # The share from which on drafting and scoring cost less than they save.
    break_even: float
    # Tokens that the base has kept alone since the last draft, in all jobs.
    tokens_since_draft: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRecord:
    """One kept step and everything that led to it.

    `draft` and `verdict` are None if no draft was requested. `written` is the text that `author` wrote outright: the
    base's own version of a rejected step, a baseline's chunk, the answer; None if the draft was kept.
    `kept_ids` are in the vocabulary of `author`, which is None if the loop itself closed the thinking. They leave out
    an end-of-sequence token. `threshold` is the one in force for a draft. `odds` are those known when the step began,
    None before the first ones and for schemes without drafts. `dropped` is the device time of drafts ahead that were
    thrown away since the step before; it is not compared, like that of the calls.
    """

    index: int
    phase: Phase
    decision: Decision
    author: Role | None
    kept_ids: tuple[int, ...]
    kept_text: str
    threshold: float | None = None
    draft: Completion | None = None
    verdict: Verdict | None = None
    written: Completion | None = None
    odds: Odds | None = None
    dropped: DeviceTime = field(default=DeviceTime(), compare=False)

    @property
    def kept(self) -> Completion | None:
        """The completion whose text was kept; None when the loop closed the thinking."""
        return self.written if self.written is not None else self.draft

    @property
    def num_kept_tokens(self) -> int:
        """Tokens that a model generated and that were kept: never more than `num_spent_tokens`."""
        return 0 if self.decision.closes_thinking else len(self.kept_ids)

    @property
    def num_inserted_tokens(self) -> int:
        """Tokens that the loop itself put in to close the thinking."""
        return len(self.kept_ids) if self.decision.closes_thinking else 0

    @property
    def num_spent_tokens(self) -> int:
        """Every token that a model generated for this step: the draft, one for the verdict, the text written."""
        completions = sum(c.num_tokens for c in (self.draft, self.written) if c is not None)
        return completions + (1 if self.verdict is not None else 0)

    @property
    def finish_reason(self) -> FinishReason | None:
        return self.kept.finish_reason if self.kept is not None else None

    @property
    def engine_s(self) -> float:
        """Wall seconds that the loop waited for engines."""
        verify_s = self.verdict.latency_s if self.verdict is not None else 0.0
        return verify_s + sum(c.waited_s for c in (self.draft, self.written) if c is not None)

    @property
    def device(self) -> dict[Role, DeviceTime] | None:
        """The device time of each model: its calls for this step and, of the drafter, what was dropped before it.

        None unless all of its calls were metered.
        """
        calls = [(Role.DRAFTER, self.draft), (Role.BASE, self.verdict), (self.author, self.written)]
        used = {Role.DRAFTER: self.dropped, Role.BASE: DeviceTime()}
        for role, call in calls:
            if call is None:
                continue
            if call.device is None or role is None:
                return None
            used[role] += call.device
        return used


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """A run that ended."""

    steps: tuple[StepRecord, ...]
    stop_reason: StopReason

    @property
    def answer_text(self) -> str | None:
        """What the ANSWER phase wrote; None if the run ended inside its thinking."""
        return next((s.kept_text for s in self.steps if s.phase is Phase.ANSWER), None)

    @property
    def text(self) -> str:
        return "".join(step.kept_text for step in self.steps)


class StepSink(Protocol):
    """Where steps go. The one durability contract: `append(step n)` returns once step n-1 is durable."""

    async def append(self, record: StepRecord) -> None: ...


class ListSink:
    """Keeps steps in memory: for the library without a store, and for tests."""

    def __init__(self) -> None:
        self.steps: list[StepRecord] = []

    async def append(self, record: StepRecord) -> None:
        self.steps.append(record)


def kept_thinking_tokens(steps: Sequence[StepRecord]) -> int:
    return sum(step.num_kept_tokens for step in steps if step.phase is Phase.THINK)
