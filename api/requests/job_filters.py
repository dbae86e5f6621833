"""The filters of a batch's jobs, in the query of a request: the same for the API and for pages.

A form without JavaScript sends its empty fields too, so an empty parameter filters nothing.
"""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Depends, Query
from pydantic import BeforeValidator, Field

from specreason.reasoning.steps import StopReason
from specreason.store.read.filters import JobFilter, parse_sources
from specreason.store.tables.states import JobState

LARGEST = 2**31 - 1


def _known(given: object) -> object:
    """None in place of an empty text, and a list without its empty texts."""
    if isinstance(given, list | tuple):
        return [each for each in given if each != ""]
    return None if given == "" else given


KNOWN = BeforeValidator(_known)
# Bounds belong to the values: pydantic does not apply them to what a validator before them returns.
_Text = Annotated[str, Field(max_length=1000)] | None
_Index = Annotated[int, Field(ge=0, le=LARGEST)] | None
_Share = Annotated[
    Annotated[float, Field(ge=0, le=1)] | None,
    KNOWN,
    Query(description="Least or largest share of accepted drafts."),
]
_Seconds = Annotated[
    Annotated[float, Field(ge=0, allow_inf_nan=False)] | None,
    KNOWN,
    Query(description="Least or largest latency, seconds."),
]
_Tokens = Annotated[_Index, KNOWN, Query(description="Least or largest number of kept tokens.")]


async def _job_filter(
    *,
    state: Annotated[
        tuple[JobState, ...], KNOWN, Query(description="Only jobs in one of these states.")
    ] = (),
    is_correct: Annotated[
        Literal["true", "false", "none"] | None,
        KNOWN,
        Query(description="The newest grade; none: jobs without a grade."),
    ] = None,
    stop_reason: Annotated[
        tuple[StopReason, ...],
        KNOWN,
        Query(description="Only jobs whose run ended for one of these reasons."),
    ] = (),
    error: Annotated[_Text, KNOWN, Query(description="A part of the error.")] = None,
    problem_index: Annotated[_Index, KNOWN, Query(description="Only jobs of this problem.")] = None,
    problem_id: Annotated[_Text, KNOWN, Query(description="Only jobs of the problem with this id.")] = None,
    repeat: Annotated[_Index, KNOWN, Query(description="Only jobs of this repeat.")] = None,
    min_acceptance: _Share = None,
    max_acceptance: _Share = None,
    min_latency_s: _Seconds = None,
    max_latency_s: _Seconds = None,
    min_tokens: _Tokens = None,
    max_tokens: _Tokens = None,
    source: Annotated[
        Annotated[tuple[str, ...], Field(max_length=20)],
        KNOWN,
        Query(
            description="Only jobs of problems whose line has this field with this value: `subject=algebra`."
        ),
    ] = (),
) -> JobFilter:
    return JobFilter(
        states=state,
        grade=is_correct,
        stop_reasons=stop_reason,
        error=error,
        problem_index=problem_index,
        problem_id=problem_id,
        repeat=repeat,
        min_acceptance=min_acceptance,
        max_acceptance=max_acceptance,
        min_latency_s=min_latency_s,
        max_latency_s=max_latency_s,
        min_tokens=min_tokens,
        max_tokens=max_tokens,
        sources=parse_sources(source),
    )


WhichJobs = Annotated[JobFilter, Depends(_job_filter)]
