"""What an answer votes for when the repeats of a problem vote: answers that are plainly equal vote for the same.

Quick and without computer algebra, because a vote compares each answer with many others. `grading` decides which is
right.
"""

from __future__ import annotations

import re
from functools import lru_cache

from specreason.grading.cleaning import cleaned, folded
from specreason.grading.quantities import quantity_of

LONGEST = 200  # characters; a longer answer votes for its own text
_PLAIN = re.compile(r"0|-?[1-9][0-9]{0,30}")


def vote_of(answer: str) -> str:
    """The value for numbers with their units, such as 1/2 for 0.5; else the text without decoration."""
    bare = answer.strip()
    return bare if len(bare) > LONGEST or _PLAIN.fullmatch(bare) else _vote_of(bare)


@lru_cache(maxsize=1 << 16)
def _vote_of(answer: str) -> str:
    text = cleaned(answer)
    try:
        quantity = quantity_of(text)
        # A number of some thousand digits cannot be written: Python refuses to.
        return folded(text) if quantity is None else f"{quantity.value}{quantity.unit}"
    except ValueError:
        return folded(text)
