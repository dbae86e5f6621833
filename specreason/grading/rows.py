"""Numbers one after the other, with only white space between them, as in a grid: `0 1 1`. They are no product."""

from __future__ import annotations

import re

from specreason.grading.arithmetic import TooLarge

_NUMBER = r"[-+]?(?:\d+(?:\.\d+)?|\.\d+)"
_ROW = re.compile(rf"{_NUMBER}(?:\s+{_NUMBER})+")
# A large grid of a puzzle has nine hundred.
MOST_NUMBERS = 4_000


def row_of(text: str) -> tuple[str, ...] | None:
    """The numbers of a cleaned text, two or more; None for any other text. Raises TooLarge for very many."""
    if _ROW.fullmatch(text.strip()) is None:
        return None
    numbers = tuple(text.split())
    if len(numbers) > MOST_NUMBERS:
        raise TooLarge(f"it has {len(numbers):,} numbers in a row; at most {MOST_NUMBERS:,} are compared")
    return numbers
