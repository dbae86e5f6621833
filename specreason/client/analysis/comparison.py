"""Comparisons of two batches, as the API returns them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from uuid import UUID

from specreason.client.pages import read_pages
from specreason.client.transport import Transport
from specreason.evaluation.comparison.values import (
    ComparedPair,
    Comparison,
    Figure,
    Figures,
    Knob,
    Outcome,
    Outcomes,
    Parting,
    Side,
    TraceStep,
)

ROWS = 1000  # of a page, the most that there may be

__all__ = [
    "ComparedPair",
    "Comparison",
    "Figure",
    "Figures",
    "Knob",
    "Outcome",
    "Outcomes",
    "Parting",
    "Side",
    "TraceStep",
    "compared_problems",
]


def compared_problems(
    transport: Transport, a: UUID, b: UUID, *, outcomes: Sequence[str], problem: str | None
) -> Iterator[ComparedPair]:
    """Every pair, page by page. Pages are long, because the API reads both batches for each."""
    filters = {"a": str(a), "b": str(b), "outcome": list(outcomes) or None, "problem": problem, "limit": ROWS}
    return read_pages(transport, "/api/compare/problems", ComparedPair, "after", **filters)
