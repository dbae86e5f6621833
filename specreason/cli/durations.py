"""Durations as people write them on a command line."""

from __future__ import annotations

import re

from specreason.errors import InvalidField
from specreason.words import shown

SECONDS_OF = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}
_DURATION = re.compile(r"(?P<number>\d{1,6}(\.\d{1,3})?)(?P<unit>[smhdw])")


def seconds_of(option: str, duration: str) -> float:
    """The seconds of a duration such as `30d`, `12h` or `2w`. Raises InvalidField that names the option."""
    found = _DURATION.fullmatch(duration.strip())
    if found is None:
        raise InvalidField(
            option,
            f"must be a number and a unit (s, m, h, d or w), such as 30d; not {shown(duration)}",
        )
    return float(found["number"]) * SECONDS_OF[found["unit"]]
