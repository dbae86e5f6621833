"""The words of messages: a number with its noun, a value as it is quoted, and the name that a misspelt one may mean."""

from __future__ import annotations

import reprlib
from collections.abc import Collection, Iterable
from difflib import get_close_matches

# The most characters of the user's input that a message repeats.
LONGEST_SHOWN = 80
# How alike two names must be, of 1, for one to be suggested in place of the other: 'sucess' and 'succeeded' just are.
ALIKE = 0.53
# A message lists the known names if there are no more than this.
FEW = 10
_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = LONGEST_SHOWN


def counted(number: int, noun: str) -> str:
    """The number with its noun, such as "1 problem", "2,000 jobs" or "3 batches"."""
    if number == 1:
        return f"1 {noun}"
    return f"{number:,} {noun}{'es' if noun.endswith(('ch', 's', 'x')) else 's'}"


def shown(value: object) -> str:
    """A value of the user as a message quotes it, cut to LONGEST_SHOWN characters."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return _SHORT.repr(value)[:LONGEST_SHOWN]


def nearest(given: object, known: Iterable[str]) -> str | None:
    """The known name that `given` may be a misspelling of, if one is near enough."""
    names = {name.lower(): name for name in known}
    found = get_close_matches(str(given)[:LONGEST_SHOWN].lower(), names, n=1, cutoff=ALIKE)
    return names[found[0]] if found else None


def suggestion(given: object, known: Iterable[str]) -> str:
    """The end of a message: "; did you mean 'threshold'?", or nothing if no known name is near."""
    near = nearest(given, known)
    return "" if near is None else f"; did you mean '{near}'?"


def none_of(given: object, known: Collection[str]) -> str:
    """What is wrong with a value that is none of the known ones."""
    *others, last = (f"'{name}'" for name in known)
    choices = f"{', '.join(others)} or {last}" if others else last
    return f"must be {choices}, not {shown(given)}{suggestion(given, known)}"


def unknown_key(given: object, known: Collection[str]) -> str:
    """What is wrong with a key that is none of the known ones."""
    return f"unknown key{suggestion(given, known) or _all_of('keys', known)}"


def unknown_parameter(given: object, known: Collection[str]) -> str:
    """What is wrong with a query parameter that is none of the known ones."""
    if not known:
        return "unknown parameter; this path takes none"
    return f"unknown parameter{suggestion(given, known) or _all_of('parameters', known)}"


def _all_of(what: str, known: Collection[str]) -> str:
    return f"; the {what} are {', '.join(known)}" if 0 < len(known) <= FEW else ""
