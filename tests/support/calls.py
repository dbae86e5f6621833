"""The calls behind the steps of a batch, written by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from specreason.evaluation.figures.calls import Calls


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One step. The fields are those of Calls."""

    problem: int = 0
    repeat: int = 0
    is_draft: bool = False
    is_accepted: bool = False
    draft_tokens: int = 0
    draft_ttft_s: float = 0.0
    draft_s: float = 0.0
    waited_s: float = 0.0
    is_written: bool = False
    by_base: bool = False
    written_tokens: int = 0
    written_ttft_s: float = 0.0
    written_s: float = 0.0
    kept_tokens: int = 0


def calls_of(steps: Sequence[Call]) -> Calls:
    """The steps as arrays, in the types in which the store reads them."""
    types = {"bool": np.int16, "int": np.int32, "float": np.float32}
    return Calls(
        **{
            field.name: np.array([getattr(step, field.name) for step in steps], dtype=types[str(field.type)])
            for field in fields(Call)
        }
    )


def drafted(*, accepted: bool, problem: int = 0, repeat: int = 0, waited_s: float = 0.25) -> Call:
    """A draft of 20 tokens in 0.15 s, its first after 0.05 s; if rejected, the base writes 20 tokens in 1.05 s."""
    return Call(
        problem=problem,
        repeat=repeat,
        is_draft=True,
        is_accepted=accepted,
        draft_tokens=20,
        draft_ttft_s=0.05,
        draft_s=0.15,
        waited_s=waited_s,
        is_written=not accepted,
        by_base=not accepted,
        written_tokens=0 if accepted else 20,
        written_ttft_s=0.0 if accepted else 0.1,
        written_s=0.0 if accepted else 1.05,
        kept_tokens=20,
    )


def written(
    *, by_base: bool = True, problem: int = 0, repeat: int = 0, tokens: int = 20, ttft_s: float = 0.1
) -> Call:
    """Text without a draft: 0.05 s for each token after the first."""
    return Call(
        problem=problem,
        repeat=repeat,
        is_written=True,
        by_base=by_base,
        written_tokens=tokens,
        written_ttft_s=ttft_s,
        written_s=ttft_s + 0.05 * (tokens - 1),
        kept_tokens=tokens,
    )
