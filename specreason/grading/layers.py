"""The layers of the grader that need no computer algebra. Each returns a verdict, or None where it can decide nothing.

Texts are cleaned ones. `compare` gives the verdict on two parts of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from specreason.grading.choices import choice_of
from specreason.grading.equations import (
    assignment_of,
    assignments_of,
    is_equation,
    same_assignments,
    values_of,
)
from specreason.grading.parts import (
    MOST_PARTS,
    Parts,
    Same,
    as_point,
    matrix_of,
    parts_of,
    same_matrices,
    same_parts,
)
from specreason.grading.quantities import (
    bare_digits,
    colons_of,
    digits_in_base,
    measured,
    quantity_of,
    same_quantity,
)
from specreason.grading.ranges import has_relations, ranges_of, same_ranges
from specreason.grading.rows import is_signed_row, listed_row, row_of
from specreason.grading.verdict import Verdict

Compare = Callable[[str, str], Verdict]
Layer = Callable[[str, str, Compare], Verdict | None]

_BRACKETS = ("(", "[", "{", "\\{")
_SMALL = re.compile("[a-j]")


def choice(gold: str, answer: str, compare: Compare) -> Verdict | None:
    wanted, chosen = choice_of(gold), choice_of(answer)
    # A small letter alone is a variable, or e or i, unless the answer is a choice in brackets or in text.
    if _SMALL.fullmatch(gold.strip()) and (chosen is None or chosen[1] or len(answer.strip()) == 1):
        wanted = None
    if wanted is None:
        if chosen is None or not chosen[1]:
            return None
        found = compare(gold, chosen[1])
        return found if found.is_correct else None
    letter, text = wanted
    if chosen is not None:
        return verdict(chosen[0] == letter, "choice", f"chooses {chosen[0]}; {letter} is right")
    if text:
        return compare(text, answer)
    return verdict(False, "choice", f"chooses no letter; {letter} is right")


def time(gold: str, answer: str, compare: Compare) -> Verdict | None:
    one, other = colons_of(gold), colons_of(answer)
    if one is None and other is None:
        return None
    if one is None or other is None:
        return verdict(False, "time", "one of both is a time or ratio, the other is none")
    same = one[0] == other[0] and (one[1] == other[1] or "" in (one[1], other[1]))
    return verdict(same, "time", "the same numbers" if same else "another time or ratio")


def base(gold: str, answer: str, compare: Compare) -> Verdict | None:
    one, other = digits_in_base(gold), digits_in_base(answer)
    if one is None and other is None:
        return None
    if one is not None and other is not None:
        return verdict(
            one == other, "base", f"{one[0]} in base {one[1]} wanted, {other[0]} in base {other[1]} given"
        )
    digits, bare = (one, answer) if one is not None else (other, gold)
    if digits is None or not bare_digits(bare).lstrip("-").isalnum():
        return None
    same = bare_digits(bare) == digits[0]
    return verdict(same, "base", "the same digits, the base left out" if same else "other digits")


def matrix(gold: str, answer: str, compare: Compare) -> Verdict | None:
    one, other = matrix_of(gold), matrix_of(answer)
    if one is not None and other is not None:
        same = same_matrices(one, other, same_by(compare))
        return verdict(same, "matrix", "the same entries" if same else "another entry or shape")
    if one is None and other is None:
        return None
    point = as_point(one if one is not None else other or ())
    parts = parts_of(answer if one is not None else gold)
    if parts is None or point is None or parts.brackets != "()":
        return None
    same = same_parts(point, parts, same_by(compare))
    return verdict(same, "matrix", "a point with the same entries" if same else "a point with other entries")


def interval(gold: str, answer: str, compare: Compare) -> Verdict | None:
    one, other = ranges_of(gold), ranges_of(answer)
    if one is not None and other is not None:
        same = same_ranges(one, other, same_by(compare))
        return verdict(
            same, "interval", "the same ends" if same else "other ends, or open where the other is closed"
        )
    if (one is None) != (other is None) and has_relations(gold) != has_relations(answer):
        return verdict(False, "interval", "one of both is an inequality, the other is none")
    return None


def number(gold: str, answer: str, compare: Compare) -> Verdict | None:
    if is_signed_row(gold):
        return None
    one, other = quantity_of(gold), quantity_of(answer)
    if one is None and other is not None and other.unit:
        one = quantity_of(gold, unit_wanted=other.unit)
    if other is None and one is not None and one.unit:
        other = quantity_of(answer, unit_wanted=one.unit)
    if one is not None and other is None and "," in gold and (",0" in gold or answer.startswith(_BRACKETS)):
        # No list has an item such as 000, and a grouped number is no point and no set.
        return verdict(False, "number", "several parts, where one number is asked for")
    if one is None or other is None:
        return None
    same, why = same_quantity(one, other)
    # "100,200" may be a number, and may be two.
    if not same and parts_of(gold) is not None and parts_of(answer) is not None:
        return None
    return verdict(same, "number", why)


def row(gold: str, answer: str, compare: Compare) -> Verdict | None:
    wanted = row_of(gold)
    if wanted is None:
        return None
    listed = parts_of(answer) if len(wanted) <= MOST_PARTS else None
    given = listed_row(answer) or (listed.items if listed is not None else (answer,))
    if len(wanted) != len(given):
        return verdict(False, "row", f"{len(wanted)} numbers in a row asked for, {len(given)} given")
    same = all(map(same_by(compare), wanted, given))
    return verdict(
        same, "row", "the same numbers, each at its place" if same else "another number at a place"
    )


def parts(gold: str, answer: str, compare: Compare) -> Verdict | None:
    same = same_by(compare)
    named = assignments_of(gold, same), assignments_of(answer, same)
    if named[0] is not None and named[1] is not None:
        equal = same_assignments(named[0], named[1], same)
        return verdict(equal, "equation", "the same values" if equal else "another value or name")
    one, other = (
        parts_of(text) if assigned is None else values_of(assigned)
        for text, assigned in zip((_value(gold, same), _value(answer, same)), named, strict=True)
    )
    if one is None and other is None:
        return None
    if one is not None and other is not None:
        return compared_lists(one, other, compare)
    # A set of one is its element.
    single, text = (one, answer) if one is not None else (other, gold)
    if single is not None and single.brackets == "{}" and len(single.items) == 1:
        pair = (single.items[0], text) if one is not None else (text, single.items[0])
        return compare(*pair)
    return compared_lists(one, other, compare)


def compared_lists(gold: Parts | None, answer: Parts | None, compare: Compare) -> Verdict:
    asked, given = (len(parts.items) if parts is not None else 1 for parts in (gold, answer))
    if gold is None or answer is None or (asked != given and "{}" not in (gold.brackets, answer.brackets)):
        return verdict(False, "list", f"{asked} asked for, {given} given")
    if same_parts(gold, answer, same_by(compare)):
        return verdict(True, "list", f"all {asked} of them" if asked > 1 else "the same")
    return verdict(False, "list", "another part, order or kind of brackets")


def equation(gold: str, answer: str, compare: Compare) -> Verdict | None:
    sides = [text for text in (gold, answer) if is_equation(text)]
    if not sides:
        return None
    same = same_by(compare)
    one, other = assignment_of(gold, same), assignment_of(answer, same)
    if len(sides) == 1:
        if one is None and other is None:
            return verdict(False, "equation", "one of both is an equation, the other is none")
        found = compare(one.value if one else gold, other.value if other else answer)
        return verdict(found.is_correct, "equation", f"its value: {found.why}")
    if one is not None and other is not None and one.name == other.name:
        found = compare(one.value, other.value)
        return verdict(found.is_correct, "equation", f"{one.name}: {found.why}")
    if one is not None and other is not None and quantity_of(one.value) and quantity_of(other.value):
        return verdict(False, "equation", f"{other.name} is named, not {one.name}")
    return None


def unit(gold: str, answer: str, compare: Compare) -> Verdict | None:
    (one, unit), (other, of_answer) = measured(gold), measured(answer)
    if not unit and not of_answer:
        return None
    if unit and of_answer and unit != of_answer:
        return verdict(False, "number", f"another unit: {of_answer}, not {unit}")
    return compare(one, other)


# In the order in which they are asked. A letter in a part of an answer is no choice.
LAYERS: tuple[Layer, ...] = (time, base, matrix, interval, number, row, parts, equation, unit)


def same_by(compare: Compare) -> Same:
    """How parts compare."""
    return lambda gold, answer: compare(gold, answer).is_correct


def verdict(is_correct: bool, layer: str, why: str) -> Verdict:
    """A verdict, in one line."""
    return Verdict(is_correct=is_correct, layer=layer, why=why)


def _value(text: str, same: Same) -> str:
    """What an assignment assigns; any other text as it is."""
    assigned = assignment_of(text, same)
    return text if assigned is None else assigned.value
