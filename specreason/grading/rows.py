"""Numbers one after the other, with only white space between them, as in a grid: `0 1 1`. They are no product.

An answer may also have commas between them, and brackets around them.
"""

from __future__ import annotations

import re

from specreason.grading.arithmetic import TooLarge

_NUMBER = r"[-+]?(?:\d+(?:\.\d+)?|\.\d+)"
_ROW = re.compile(rf"{_NUMBER}(?:\s+{_NUMBER})+")
_BETWEEN = re.compile(r"\s*[,;]\s*|\s+")
_LISTED = re.compile(rf"{_NUMBER}(?:(?:{_BETWEEN.pattern}){_NUMBER})+")
_BRACKETS = {"(": ")", "[": "]"}
# A large grid of a puzzle has nine hundred.
MOST_NUMBERS = 4_000


def row_of(text: str) -> tuple[str, ...] | None:
    """The numbers of a cleaned text, two or more; None for any other text. Raises TooLarge for very many."""
    return _numbers(text.split()) if _ROW.fullmatch(text.strip()) is not None else None


def listed_row(text: str) -> tuple[str, ...] | None:
    """The same of an answer, which may have commas and brackets."""
    inner = text.strip()
    if len(inner) > 1 and _BRACKETS.get(inner[0]) == inner[-1]:
        inner = inner[1:-1].strip()
    return _numbers(_BETWEEN.split(inner)) if _LISTED.fullmatch(inner) is not None else None


def is_signed_row(text: str) -> bool:
    """Whether a sign within a cleaned text is that of a number in a row: `5 -3` is no difference."""
    numbers = row_of(text)
    return numbers is not None and any(number.startswith(("-", "+")) for number in numbers[1:])


def _numbers(found: list[str]) -> tuple[str, ...]:
    if len(found) > MOST_NUMBERS:
        raise TooLarge(f"it has {len(found):,} numbers in a row; at most {MOST_NUMBERS:,} are compared")
    return tuple(found)
