"""What one job does, in means: its steps, the scores of its drafts, and its tokens under each scheme."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from specreason.config import SchemeName

Role = Literal["base", "drafter"]

# A prefix cache holds whole blocks of 16 tokens: on average half a block of a known prompt is computed again.
UNCACHED_TOKENS = 8
# The base writes so much in one call when it thinks alone (reasoning/schemes.py).
CHUNK_TOKENS = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class StepStatistics:
    """The means of jobs on one kind of problem by one pair; tokens unless named otherwise.

    `scores` are the shares of drafts with each score, 0 first; the rest to 1 got no digit. The lengths of steps and of
    the thinking are taken to be the same at every threshold.
    """

    prompt_tokens: float
    # Kept thinking under `specreason`, of the base alone, and of the drafter alone.
    think_tokens: float
    base_tokens: float
    drafter_tokens: float
    draft_tokens: float
    # What the base writes in place of a rejected draft.
    written_tokens: float
    suffix_tokens: float
    answer_tokens: float
    scores: tuple[float, ...]
    # The probability that a token drafted inside the base's engine is right.
    token_acceptance: float

    def acceptance(self, threshold: float) -> float:
        """Return the share of drafts with at least this score."""
        return sum(self.scores[math.ceil(threshold) :])

    def num_steps(self, threshold: float) -> float:
        """Return the drafted steps of a job."""
        accepted = self.acceptance(threshold)
        return self.think_tokens / (accepted * self.draft_tokens + (1 - accepted) * self.written_tokens)

    def thinking(self, scheme: SchemeName) -> float:
        """Return the kept thinking tokens of a job."""
        if scheme is SchemeName.DRAFTER:
            return self.drafter_tokens
        return self.think_tokens if scheme.drafts_steps else self.base_tokens

    def job_tokens(self, scheme: SchemeName) -> float:
        """Return the length of a job's transcript at its end."""
        return self.prompt_tokens + self.thinking(scheme) + self.answer_tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """Equal calls of one engine during one job.

    Each computes `new` prompt tokens. All of them write `tokens`, one of them each with its prefill.
    """

    role: Role
    number: float
    new: float
    tokens: float
    # The mean length of the transcript meanwhile.
    context: float


def calls_of(
    scheme: SchemeName, statistics: StepStatistics, *, threshold: float, first_steps_on_base: int = 0
) -> tuple[Calls, ...]:
    """Return the calls of one job, in means, as the step loop makes them without overlap."""
    prompt, answer = statistics.prompt_tokens, statistics.answer_tokens
    thinking = statistics.thinking(scheme)
    halfway, end = prompt + thinking / 2, prompt + thinking
    if not scheme.drafts_steps:
        role: Role = "drafter" if scheme is SchemeName.DRAFTER else "base"
        later = math.ceil(thinking / CHUNK_TOKENS) - 1
        return (
            Calls(role=role, number=1, new=prompt, tokens=min(thinking, CHUNK_TOKENS), context=halfway),
            Calls(
                role=role,
                number=later,
                new=UNCACHED_TOKENS,
                tokens=max(thinking - CHUNK_TOKENS, 0),
                context=halfway,
            ),
            Calls(role=role, number=1, new=UNCACHED_TOKENS, tokens=answer, context=end),
        )
    accepted, drafted = statistics.acceptance(threshold), statistics.draft_tokens
    rejected, written = 1 - accepted, statistics.written_tokens
    first = min(first_steps_on_base, statistics.num_steps(threshold))
    steps = (thinking - first * written) / (accepted * drafted + rejected * written)
    return (
        Calls(role="drafter", number=1, new=prompt, tokens=0, context=0),
        Calls(role="base", number=1, new=prompt, tokens=0, context=0),
        Calls(role="base", number=first, new=UNCACHED_TOKENS, tokens=first * written, context=prompt),
        # The drafter reads what the base wrote in place of the draft before.
        Calls(
            role="drafter",
            number=steps,
            new=UNCACHED_TOKENS + rejected * written,
            tokens=steps * drafted,
            context=halfway,
        ),
        Calls(
            role="base",
            number=steps,
            new=UNCACHED_TOKENS + drafted + statistics.suffix_tokens,
            tokens=steps,
            context=halfway,
        ),
        Calls(
            role="base",
            number=steps * rejected,
            new=UNCACHED_TOKENS,
            tokens=steps * rejected * written,
            context=halfway,
        ),
        Calls(role="base", number=1, new=UNCACHED_TOKENS, tokens=answer, context=end),
    )


def shares_of(scores: Iterable[int | None]) -> tuple[float, ...]:
    """Return the share of each score, 0 to 9, among all; None is a verdict without a digit. All zero without scores."""
    seen = list(scores)
    return tuple(seen.count(score) / max(len(seen), 1) for score in range(10))


def scores_with(acceptance: float, *, threshold: float, like: Sequence[float]) -> tuple[float, ...]:
    """Return the shares of scores `like` these, stretched so that the share at or above `threshold` is `acceptance`."""
    first = math.ceil(threshold)
    below, above = sum(like[:first]), sum(like[first:])
    return tuple(
        share * (acceptance / above if score >= first else (1 - acceptance) / below)
        for score, share in enumerate(like)
    )
