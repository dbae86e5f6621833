"""Verification: the base model scores a step 0-9 with one prefill and one decoded token (paper §4.1)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from specreason.config import ScoreMethod
from specreason.engines.base import ModelPair, Role, Tokenizer, Verdict
from specreason.engines.tokenizer import digit_ids
from specreason.reasoning.transcript import Transcript


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """The pair's judge suffix as ids, and the ten ids that are a score after it."""

    suffix_ids: tuple[int, ...]
    digit_ids: tuple[int, ...]

    @classmethod
    def of(cls, tokenizer: Tokenizer, suffix: str) -> Judge:
        """Raises InputError if some digit is not exactly one token after the suffix."""
        return cls(suffix_ids=tokenizer.encode(suffix), digit_ids=digit_ids(tokenizer, suffix))


async def score_step(
    pair: ModelPair, judge: Judge, transcript: Transcript, draft_ids: tuple[int, ...]
) -> Verdict:
    """Let the base model score `draft_ids` as the next step."""
    step = transcript.translate(draft_ids, Role.DRAFTER, Role.BASE)
    prompt = transcript.ids(Role.BASE) + step + judge.suffix_ids
    with pair.meter.call() as metered:
        verdict = await pair.base.score(prompt, digit_ids=judge.digit_ids)
        metered.first_token_after(verdict.latency_s)  # and it is the only one
    return replace(verdict, device=metered.device)


def score_of(verdict: Verdict, method: ScoreMethod) -> float | None:
    """The utility score, 0-9; None if the base answered with no digit."""
    return verdict.expected_score if method is ScoreMethod.EXPECTED else verdict.digit
