r"""Intervals, and inequalities that say the same: `(0, 7.5)` and `0 < x < 7.5`, `x \ne 3`, unions of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from specreason.grading.cleaning import WORD
from specreason.grading.parts import COMMAS, MOST_PARTS, Same, encloses, split

_NAME = re.compile(r"[A-Za-z](?:_\{?\w+\}?|')?|\\(?!infty)[a-z]+")
_MEMBER = re.compile(rf"({_NAME.pattern})\s*\\in(?![A-Za-z])\s*(.*)", re.DOTALL)
_SET_OF = re.compile(
    rf"\\\{{\s*({_NAME.pattern})\s*(?:\\in\s*\\reals\s*)?(?::|\||\\mid|\\vert)\s*(.*)\\\}}", re.DOTALL
)
_RELATION = re.compile(r"\\(?:le|ge|ne)(?![A-Za-z])|[<>]")
_INFINITY = re.compile(r"([+-]?)\s*\\infty")
_UNION = re.compile(rf"\\(?:cup|lor)(?![A-Za-z])|{WORD}?\s*(?<![A-Za-z])(?:or|U)(?![A-Za-z])\s*{WORD}?")
_BOTH = re.compile(rf"\\land(?![A-Za-z])|{WORD}?\s*(?<![A-Za-z])and(?![A-Za-z])\s*{WORD}?")
_SIZE = re.compile(rf"(?:\||\\lvert\s)\s*({_NAME.pattern})\s*(?:\||\\rvert)")
_FLIPPED = {"<": "<", "\\le": "\\le", ">": "<", "\\ge": "\\le"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """From `low` to `high`; an end is None where it is infinite, and then is not closed."""

    low: str | None = None
    high: str | None = None
    low_closed: bool = False
    high_closed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranges:
    """A union of intervals; `name` is the variable that lies in it, if one is named."""

    name: str | None
    intervals: tuple[Interval, ...]


def has_relations(text: str) -> bool:
    """Whether a cleaned text has a sign of an inequality."""
    return _RELATION.search(text) is not None


def ranges_of(text: str) -> Ranges | None:
    """The values that a cleaned text allows; None if it is neither an interval nor an inequality of one variable."""
    name: str | None = None
    if (found := _SET_OF.fullmatch(text)) is not None or (found := _MEMBER.fullmatch(text)) is not None:
        name, text = found[1], found[2].strip()
    names = {name} - {None}
    intervals: list[Interval] = []
    for piece in split(text, _UNION)[: MOST_PARTS + 1]:
        of_piece = _piece(piece, names)
        if of_piece is None:
            return None
        intervals += of_piece
    if not intervals or len(names) > 1 or len(intervals) > MOST_PARTS:
        return None
    return Ranges(name=names.pop() if names else None, intervals=tuple(intervals))


def same_ranges(gold: Ranges, answer: Ranges, same: Same) -> bool:
    """The same intervals, in any order, of the same variable where both name one."""
    if gold.name and answer.name and gold.name != answer.name:
        return False
    left = list(answer.intervals)
    if len(left) != len(gold.intervals):
        return False
    for each in gold.intervals:
        partner = next((place for place, other in enumerate(left) if _same_interval(each, other, same)), None)
        if partner is None:
            return False
        del left[partner]
    return True


def _same_interval(gold: Interval, answer: Interval, same: Same) -> bool:
    if (gold.low_closed, gold.high_closed) != (answer.low_closed, answer.high_closed):
        return False
    return all(
        (a is None) == (b is None) and (a is None or b is None or same(a, b))
        for a, b in ((gold.low, answer.low), (gold.high, answer.high))
    )


def _piece(text: str, names: set[str | None]) -> list[Interval] | None:
    """The intervals of one piece of a union. Adds the variables that it names to `names`."""
    if text == "\\reals":
        return [Interval()]
    if (interval := _interval(text)) is not None:
        return [interval]
    halves = split(text, _BOTH)
    if len(halves) == 2:
        found = [_inequality(half, names) for half in halves]
        if found[0] is None or found[1] is None or len(found[0]) + len(found[1]) != 2:
            return None
        return _intersection(found[0][0], found[1][0])
    return _inequality(text, names)


def _intersection(one: Interval, other: Interval) -> list[Interval] | None:
    """Of a half-line upwards and one downwards; None for any other two."""
    if one.low is None:
        one, other = other, one
    if one.low is None or one.high is not None or other.low is not None or other.high is None:
        return None
    return [Interval(low=one.low, high=other.high, low_closed=one.low_closed, high_closed=other.high_closed)]


def _interval(text: str) -> Interval | None:
    if len(text) < 5 or text[0] not in "([" or text[-1] not in ")]" or not encloses(text):
        return None
    ends = split(text[1:-1], COMMAS)
    if len(ends) != 2 or any(has_relations(end) for end in ends):
        return None
    return _between(ends[0], ends[1], low_closed=text[0] == "[", high_closed=text[-1] == "]")


def _inequality(text: str, names: set[str | None]) -> list[Interval] | None:
    pieces, signs = [piece.strip() for piece in _RELATION.split(text)], _RELATION.findall(text)
    if len(signs) not in (1, 2) or not all(pieces):
        return None
    if len(signs) == 1 and (size := _SIZE.fullmatch(pieces[0])) is not None:
        return _of_size(size[1], signs[0], pieces[1], names)
    if signs == ["\\ne"]:
        return _all_but(pieces, names)
    if "\\ne" in signs or len({_is_rising(sign) for sign in signs}) > 1:
        return None
    if not _is_rising(signs[0]):
        pieces, signs = pieces[::-1], signs[::-1]
    # x < 5 has no lower end, 5 < x no upper one.
    if len(signs) == 1 and _is_name(pieces[0], names, pieces[1:]):
        pieces, signs = ["-\\infty", *pieces], ["<", *signs]
    elif len(signs) == 1:
        pieces, signs = [*pieces, "\\infty"], [*signs, "<"]
    if not _is_name(pieces[1], names, pieces[::2]):
        return None
    low_closed, high_closed = (_FLIPPED[sign] == "\\le" for sign in signs)
    return [_between(pieces[0], pieces[2], low_closed=low_closed, high_closed=high_closed)]


def _all_but(pieces: Sequence[str], names: set[str | None]) -> list[Interval] | None:
    if not _is_name(pieces[0], names, pieces[1:]):
        return None
    return [Interval(high=pieces[1]), Interval(low=pieces[1])]


def _of_size(name: str, sign: str, size: str, names: set[str | None]) -> list[Interval] | None:
    """|x| < 3, and |x| > 3."""
    if sign == "\\ne" or not _is_name(name, names, [size]):
        return None
    closed, opposite = _FLIPPED[sign] == "\\le", f"-({size})"
    if _is_rising(sign):
        return [_between(opposite, size, low_closed=closed, high_closed=closed)]
    return [Interval(high=opposite, high_closed=closed), Interval(low=size, low_closed=closed)]


def _is_rising(sign: str) -> bool:
    return sign in ("<", "\\le")


def _is_name(text: str, names: set[str | None], ends: Sequence[str]) -> bool:
    """Whether it is a variable, and the only one; it then counts among `names`."""
    if not _NAME.fullmatch(text) or any(_NAME.fullmatch(end) and not end.startswith("\\") for end in ends):
        return False
    names.add(text)
    return True


def _between(low: str, high: str, *, low_closed: bool = False, high_closed: bool = False) -> Interval:
    below, above = _INFINITY.fullmatch(low) is not None, _INFINITY.fullmatch(high) is not None
    return Interval(
        low=None if below else low,
        high=None if above else high,
        low_closed=low_closed and not below,
        high_closed=high_closed and not above,
    )
