"""Batches of scored drafts as arrays, written by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np

from specreason.config import RunConfig
from specreason.evaluation.judge.drafts import Drafts, Graded, Jobs, JudgedBatch, Written

BATCH_ID = UUID("0193b2a4-0000-7000-8000-00000000abcd")
NAN = float("nan")
# The base writes 100 tokens after 10 first ones in as many calls: 0.5 s to the first, 0.1 s for each further one.
WRITTEN = Written(num_calls=10, ttft_s=5.0, tokens_after=100, after_s=10.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A draft, and its seconds. `written_s` and `written_tokens` are those of the base if it was rejected."""

    digit: int | None
    kept: bool
    expected: float | None = None
    tokens: int = 10
    latency_s: float = 0.4
    ahead_s: float = 0.0
    verify_s: float = 0.3
    written_tokens: int = 0
    written_s: float = 0.0
    drafter_device_s: float = NAN
    base_device_s: float = NAN
    is_right: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job and its drafts, one for each step."""

    drafts: Sequence[Draft] = ()
    problem: int = 0
    is_correct: bool | None = None
    latency_s: float = NAN
    device_s: float = NAN


def judged(
    *jobs: Job, threshold: float | None = 7.0, written: Written = WRITTEN, num_open: int = 0, **config: object
) -> JudgedBatch:
    """The jobs as one batch with this configuration."""
    rows = [
        (number, place, draft) for number, job in enumerate(jobs) for place, draft in enumerate(job.drafts)
    ]
    drafts = [draft for _, _, draft in rows]

    def column(name: str, dtype: type = float) -> np.ndarray:
        return np.array([getattr(draft, name) for draft in drafts], dtype=dtype)

    known = [NAN if draft.is_right is None else float(draft.is_right) for draft in drafts]
    return JudgedBatch(
        batch_id=BATCH_ID,
        name="sums",
        pair="demo",
        config=RunConfig(threshold=threshold, **config),  # type: ignore[arg-type]
        jobs=Jobs(
            problem=np.array([job.problem for job in jobs], dtype=np.int32),
            is_correct=np.array([NAN if job.is_correct is None else float(job.is_correct) for job in jobs]),
            latency_s=np.array([job.latency_s for job in jobs], dtype=float),
            concurrency=np.full(len(jobs), 2.0),
            device_s=np.array([job.device_s for job in jobs], dtype=float),
        ),
        drafts=Drafts(
            job=np.array([number for number, _, _ in rows], dtype=int),
            position=np.array([place for _, place, _ in rows], dtype=int),
            digit=np.array([-1 if draft.digit is None else draft.digit for draft in drafts], dtype=int),
            expected=np.array([_expected(draft) for draft in drafts], dtype=float),
            non_digit_mass=np.full(len(drafts), 0.01),
            is_accepted=column("kept", bool),
            tokens=column("tokens", int),
            latency_s=column("latency_s"),
            ahead_s=column("ahead_s"),
            verify_s=column("verify_s"),
            written_tokens=column("written_tokens", int),
            written_s=column("written_s"),
            drafter_device_s=column("drafter_device_s"),
            base_device_s=column("base_device_s"),
        ),
        written=written,
        num_open=num_open,
        problems_digest="sums",
        graded=(
            Graded(
                is_right=np.array(known),
                kind=np.array([-1 if np.isnan(each) else int(each) for each in known], dtype=int),
                kinds=(("one_digit", 6), ("right", 9)),
            )
            if not all(np.isnan(known))
            else None
        ),
    )


def _expected(draft: Draft) -> float:
    if draft.expected is not None:
        return draft.expected
    return NAN if draft.digit is None else float(draft.digit)
