"""The filters of a batch's jobs, as a program names them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypedDict

from specreason.client.decoding import word_of


class JobFilters(TypedDict, total=False):
    """Jobs in one of `states`, graded so, ended for one of `stop_reasons`, whose error contains `error`, and so on.

    `problem_index` and `repeat` are a job's place in the batch, `problem_id` is the problem's own id, and `source` has
    other fields of its line with their values. Ranges are of ended jobs: shares of accepted drafts, seconds, kept
    tokens.
    """

    states: Sequence[str] | None
    is_correct: bool | Literal["none"] | None
    stop_reasons: Sequence[str] | None
    error: str | None
    problem_index: int | None
    problem_id: str | None
    repeat: int | None
    min_acceptance: float | None
    max_acceptance: float | None
    min_latency_s: float | None
    max_latency_s: float | None
    min_tokens: int | None
    max_tokens: int | None
    source: Mapping[str, str] | None


def query_of(which: JobFilters) -> dict[str, Any]:
    """The filters as parameters of a request."""
    query: dict[str, Any] = dict(which)
    is_correct, source = query.pop("is_correct", None), query.pop("source", None)
    states, stop_reasons = query.pop("states", None), query.pop("stop_reasons", None)
    return query | {
        "state": states or None,
        "stop_reason": stop_reasons or None,
        "is_correct": word_of(is_correct) if isinstance(is_correct, bool) else is_correct,
        "source": [f"{field}={value}" for field, value in source.items()] if source else None,
    }
