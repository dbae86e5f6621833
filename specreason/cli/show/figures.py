"""Figures of batches and jobs in words: why jobs stopped, how long they took and where, what became of the tokens."""

from __future__ import annotations

from collections.abc import Mapping

from specreason.client import Batch, Job, short_id
from specreason.words import counted

STOPPED = {
    "answered": "answered",
    "token_budget": "token budget",
    "context_full": "context full",
    "max_steps": "max steps",
    "repeated_step": "in circles",
    "cancelled": "cancelled",
    "deadline": "deadline",
}
# What became of a job that a limit stopped, and what would help. `{batch}` is the batch's short id.
REMEDY_OF = {
    "token_budget": ("used up the token budget", "raise token_budget"),
    "context_full": (
        "ran out of context",
        "shorten the problems, lower max_answer_tokens, or raise max_model_len of the pair",
    ),
    "max_steps": ("reached max_steps", "raise max_steps, or min_step_tokens for longer steps"),
    "repeated_step": ("went round in circles", "raise temperature, or max_same_steps to wait longer"),
    "deadline": (
        "reached the deadline",
        "`specreason batch requeue {batch} --state expired` runs them again without it",
    ),
}


def stopped_in_words(stop_reasons: Mapping[str, int]) -> str | None:
    """Return how many jobs stopped for each reason, the most frequent first; None if none has."""
    by_number = sorted(stop_reasons.items(), key=lambda each: (-each[1], each[0]))
    return ", ".join(f"{number} {_stopped(reason)}" for reason, number in by_number) or None


def why_stopped(job: Job) -> str | None:
    """Return why the job's run ended, in two or three words; None while it goes on or after an error."""
    if job.stop_reason == "answered" and job.answer is None:
        return "no boxed answer"
    return None if job.stop_reason is None else _stopped(job.stop_reason)


def remedy(batch: Batch) -> str | None:
    """Return what would help if a limit stopped most jobs of a batch that has ended; else None."""
    limited = {reason: batch.stop_reasons.get(reason, 0) for reason in REMEDY_OF}
    if not batch.ended or 2 * sum(limited.values()) <= batch.num_jobs:
        return None
    reason = max(limited, key=lambda each: limited[each])
    what, help_ = REMEDY_OF[reason]
    advice = help_.format(batch=short_id(batch.batch_id))
    return f"{limited[reason]:,} of {counted(batch.num_jobs, 'job')} {what}: {advice}"


def latency_in_words(latency_s: float | None, concurrency: float | None, *, unit: str = "") -> str | None:
    """Return seconds, and at how many jobs in flight they were measured; None if they are unknown."""
    if latency_s is None:
        return None
    return f"{latency_s:.2f}{unit}" + (
        "" if concurrency is None else f" at {_rounded(concurrency)} in flight"
    )


def short_latency(latency_s: float | None, concurrency: float | None) -> str | None:
    """Return the same for a table: seconds, and behind them the jobs in flight."""
    if latency_s is None:
        return None
    return f"{latency_s:.2f}" + ("" if concurrency is None else f" ({_rounded(concurrency)})")


def parts_of_latency(
    latency_s: float | None, *, engine_s: float | None, store_s: float | None, own_s: float | None
) -> str | None:
    """Return the share of each part of a latency; None if one is unknown."""
    if not latency_s or engine_s is None or store_s is None or own_s is None:
        return None
    parts = (("engines", engine_s), ("storing", store_s), ("the loop itself", own_s))
    return ", ".join(f"{name} {seconds / latency_s:.0%}" for name, seconds in parts)


def admission_in_words(admission_s: float | None) -> str | None:
    """Return the wait for room on a worker; None where it was not worth a word."""
    if admission_s is None or admission_s < 0.01:
        return None
    return f"{admission_s:.2f} s for room on the worker, before the latency begins"


def tokens_in_words(of: Batch | Job) -> str:
    """Return the tokens kept, spent, and put in by the loop."""
    inserted = f"; the loop put in {of.inserted_tokens:,} to close the thinking" if of.inserted_tokens else ""
    return f"{of.kept_tokens:,} kept of {of.spent_tokens:,} spent{inserted}"


def _stopped(reason: str) -> str:
    return STOPPED.get(reason, reason.replace("_", " "))


def _rounded(concurrency: float) -> str:
    """Return the number with a decimal only where that says more."""
    return f"{concurrency:.1f}".removesuffix(".0")
