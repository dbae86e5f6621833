"""The steps of a batch's jobs as arrays: who wrote each, what the judge said, and what it cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.synthetic import texts
from benchmarks.synthetic.runs import IN_FLIGHT, DrawnJobs, PlannedBatch
from specreason.config import ScoreMethod
from specreason.reasoning.steps import Decision

Array = NDArray[Any]

DECISIONS = tuple(Decision)
CODE = {decision: code for code, decision in enumerate(DECISIONS)}
STEPS_WITHOUT_ODDS = 5  # nothing is measured before them
# Seconds per token, of a verdict, and until the first token.
DRAFT_S, WRITTEN_S, VERIFY_S, TTFT_S = 0.004, 0.025, 0.06, 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnSteps:
    """One element per step, in the order of jobs and steps. `values` are columns of the table.

    `decision` holds codes; `ends`: the text closes the thinking. The two halves of each text are numbers of fragments.
    """

    job: Array
    decision: Array
    ends: Array
    has_odds: Array
    values: dict[str, Array]
    draft: tuple[Array, Array]
    written: tuple[Array, Array]


def draw_steps(batch: PlannedBatch, jobs: DrawnJobs, random: np.random.Generator) -> DrawnSteps:
    count = batch.num_steps
    job = np.repeat(np.arange(batch.num_jobs), jobs.num_steps)
    begins = np.cumsum(jobs.num_steps) - jobs.num_steps
    index = np.arange(count) - begins[job]
    from_end = jobs.num_steps[job] - 1 - index
    whole = ~jobs.failed[job]
    closes = whole & (from_end == 1) & (jobs.cut | jobs.circles)[job]
    answers = whole & (from_end == 0)
    ends = whole & (from_end == 1) & ~closes
    measured = index >= STEPS_WITHOUT_ODDS
    may_draft = np.full(count, batch.config.scheme.drafts_steps)
    alone = may_draft & measured & (random.random(count) < 0.1) & batch.config.adaptive
    drafted = may_draft & ~closes & ~answers & ~alone

    quality = 6.6 + 0.9 * jobs.right[job] - 0.004 * np.minimum(index, 200) + 1.3 * random.normal(size=count)
    verdict = _verdicts(batch, quality, random)
    decision = verdict.pop("decision")
    decision[alone] = CODE[Decision.BELOW_BREAK_EVEN]
    decision[~may_draft] = CODE[Decision.BASE_ONLY]
    decision[answers] = CODE[Decision.ANSWER]
    decision[closes & jobs.cut[job]] = CODE[Decision.CLOSED_TOKEN_BUDGET]
    decision[closes & jobs.circles[job]] = CODE[Decision.CLOSED_REPEATED_STEP]

    def halves() -> tuple[Array, Array]:
        first = random.integers(texts.NUM_OPENINGS, size=count)
        second = random.integers(texts.NUM_CONTINUATIONS, size=count)
        first[closes] = texts.NO_OPENING
        second[closes | ends] = texts.CLOSING
        second[answers] = texts.NUM_CONTINUATIONS + jobs.answer[job[answers]]
        return first, second

    draft, written = halves(), halves()
    draft_tokens, written_tokens = texts.num_tokens(*draft), texts.num_tokens(*written)
    accepted = decision == CODE[Decision.ACCEPTED]
    writes = ~closes & ~accepted
    kept = np.where(closes, 0, np.where(accepted, draft_tokens, written_tokens))
    before = 150 + _running(kept, begins, job) - kept
    cost = _costs(drafted, writes, draft_tokens, written_tokens, random)
    lasted_us = (1.02e6 * _running(cost["engine_s"], begins, job)).astype(np.int64)
    values = {
        "index": index,
        "fence": 1 + ((jobs.first_step > 0)[job] & (index >= jobs.first_step[job])),
        "recent_acceptance": np.clip(0.6 + 0.2 * random.normal(size=count), 0, 1),
        "break_even": np.clip(0.35 + 0.05 * random.normal(size=count), 0, 1),
        "tokens_since_draft": random.integers(0, 500, size=count),
        **verdict,
        "kept_tokens": kept,
        "spent_tokens": drafted * (draft_tokens + 1) + writes * written_tokens,
        "inserted_tokens": closes.astype(np.int64),
        "draft_tokens": draft_tokens,
        "draft_prompt_tokens": before,
        "draft_cached_tokens": before // 16 * 16,
        "verify_prompt_tokens": before + draft_tokens + 40,
        "verify_cached_tokens": before // 16 * 16,
        "written_tokens": written_tokens,
        "written_prompt_tokens": before,
        "written_cached_tokens": before // 16 * 16,
        "created_at": jobs.started_us[job] + lasted_us,
        **cost,
    }
    has_odds = may_draft & measured
    return DrawnSteps(
        job=job, decision=decision, ends=ends, has_odds=has_odds, values=values, draft=draft, written=written
    )


def _verdicts(batch: PlannedBatch, quality: Array, random: np.random.Generator) -> dict[str, Array]:
    """What the judge says of a draft of each quality, and the decision that follows."""
    count = len(quality)
    probs = np.exp(-((np.arange(10) - quality[:, None]) ** 2) / (2 * 0.8**2)) + 1e-6
    probs *= (random.beta(60, 1, size=count) / probs.sum(axis=1))[:, None]
    digit = probs.argmax(axis=1)
    expected = probs @ np.arange(10) / probs.sum(axis=1)
    threshold = batch.config.threshold if batch.config.threshold is not None else 0.0
    score = expected if batch.config.score_method is ScoreMethod.EXPECTED else digit
    decision = np.where(score >= threshold, CODE[Decision.ACCEPTED], CODE[Decision.REJECTED])
    decision[random.random(count) < 0.004] = CODE[Decision.REJECTED_NO_DIGIT]
    return {
        "decision": decision,
        "threshold": np.full(count, threshold),
        "utility_score": digit,
        "expected_score": expected,
        "digit_probs": probs,
        "non_digit_mass": np.maximum(0.0, 1.0 - probs.sum(axis=1)),
        "verify_token_id": digit + 15,
    }


def _costs(
    drafted: Array, writes: Array, draft_tokens: Array, written_tokens: Array, random: np.random.Generator
) -> dict[str, Array]:
    """Seconds of the calls and of the devices, and `engine_s`, which the loop waited."""
    count = len(drafted)
    noise = random.gamma(20, 1 / 20, size=count)
    draft_s, verify_s = draft_tokens * DRAFT_S * noise, VERIFY_S * noise
    written_s = written_tokens * WRITTEN_S * noise
    ahead_s = np.where(random.random(count) < 0.5, 0.5, 0.0) * np.minimum(draft_s, verify_s)
    share = 1.2 / IN_FLIGHT
    by_drafter = share * drafted * draft_s
    by_base = share * (drafted * verify_s + writes * written_s)
    return {
        "draft_ttft_s": 0.3 * TTFT_S * noise,
        "draft_latency_s": draft_s,
        "draft_ahead_s": ahead_s,
        "verify_latency_s": verify_s,
        "written_ttft_s": TTFT_S * noise,
        "written_latency_s": written_s,
        "drafter_device_s": by_drafter,
        "base_device_s": by_base,
        "drafter_prefill_s": 0.1 * by_drafter,
        "base_prefill_s": 0.1 * by_base,
        "engine_s": drafted * (draft_s - ahead_s + verify_s) + writes * written_s,
    }


def _running(values: Array, begins: Array, job: Array) -> Array:
    """The sum over the job's steps up to each, this one included."""
    total = np.cumsum(values)
    return total - (total[begins] - values[begins])[job]
