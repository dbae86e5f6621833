r"""Equations that name a value: `x = 5` for 5, `y = 2x + 3`, `x = 1, y = 2`, `(x, y) = (1, 2)`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from specreason.grading.cleaning import WORD
from specreason.grading.parts import CLOSE, OPEN, Parts, Same, parts_of

# A letter, a Greek one, capitals (a segment), words as text, a length, a function of letters; those letters that are
# usual for functions also at a value. `x(y+1)` is a product.
_GREEK = r"\\(?:alpha|beta|gamma|delta|theta|phi|lambda|mu|sigma|omega)|\\angle\s*[A-Z]+"
_NAME = re.compile(
    rf"(?:[A-Za-z]|[A-Z]{{2,4}}|{WORD}[A-Za-z ]+|{_GREEK})"
    r"\s*(?:_(?:\w|\{[\w,]+\})|'+)?\s*(?:\(\s*[A-Za-z](?:\s*,\s*[A-Za-z])*\s*\))?"
    r"|[fghFGHPE]\s*(?:_\w|'+)?\s*\([^()]*\)|\|\s*[A-Z]{1,3}\s*\||\\overline\s*\{\s*[A-Z]+\s*\}"
)
_EQUALS = re.compile(r"(?<![<>!\\])=(?!=)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """A name, and the text of its value."""

    name: str
    value: str


def is_equation(text: str) -> bool:
    """Whether a cleaned text has an equals sign that stands in no bracket, as that of `\\sum_{k=1}` does."""
    return len(_sides(text)) > 1


def assignment_of(text: str, same: Same) -> Assignment | None:
    """The assignment that a cleaned text is, `2 = x` and `x = 10/2 = 5` included; None for any other text.

    A name in its own value is an unknown: `x = 2x - 1` assigns nothing.
    """
    sides = _sides(text)
    if not 2 <= len(sides) <= 4 or not all(sides):
        return None
    if not _NAME.fullmatch(sides[0]):
        sides = sides[::-1]
    if not _NAME.fullmatch(sides[0]):
        return None
    name, values = "".join(sides[0].split()), sides[1:]
    if any(_occurs(name, value) for value in values):
        return None
    if len(values) > 1 and not all(same(values[-1], value) for value in values[:-1]):
        return None
    return Assignment(name=name, value=values[-1])


def assignments_of(text: str, same: Same) -> tuple[Assignment, ...] | None:
    """The several assignments of a list, or of points: `(x, y) = (1, 2)`; None for any other text."""
    sides = _sides(text)
    if len(sides) == 2:
        names, values = parts_of(sides[0]), parts_of(sides[1])
        if names is None or values is None or len(names.items) != len(values.items):
            return None
        pairs = zip(names.items, values.items, strict=True)
        return tuple(Assignment(name=name, value=value) for name, value in pairs)
    listed = parts_of(text)
    if listed is None:
        return None
    found = [assignment_of(item, same) for item in listed.items]
    assigned = tuple(each for each in found if each is not None)
    return assigned if len(assigned) == len(found) else None


def same_assignments(gold: Sequence[Assignment], answer: Sequence[Assignment], same: Same) -> bool:
    """Each name with a value of its own, in any order. Of one name these are its several values."""
    left = list(answer)
    for each in gold:
        partner = next(
            (other for other in left if other.name == each.name and same(each.value, other.value)), None
        )
        if partner is None:
            return False
        left.remove(partner)
    return not left


def values_of(assigned: Sequence[Assignment]) -> Parts:
    """The values without their names: those of one name in any order, those of several in theirs."""
    one_name = len({each.name for each in assigned}) == 1
    return Parts(items=tuple(each.value for each in assigned), brackets="" if one_name else "()")


def _sides(text: str) -> list[str]:
    """What stands between the equals signs outside of brackets."""
    sides: list[str] = []
    start = depth = 0
    for place, each in enumerate(text):
        depth = max(depth + (each in OPEN) - (each in CLOSE), 0)
        if not depth and _EQUALS.match(text, place):
            sides.append(text[start:place].strip())
            start = place + 1
    return [*sides, text[start:].strip()]


def _occurs(name: str, value: str) -> bool:
    letter = name[:1]
    return (
        re.search(rf"(?<![A-Za-z\\]){re.escape(letter)}(?![A-Za-z])", value) is not None and letter.isalpha()
    )
