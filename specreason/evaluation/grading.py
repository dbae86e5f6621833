"""Decides whether an answer equals the gold answer, in layers: the first one that can decide does, and says so.

text       the same text, without decoration; words without case
choice     the letter of a multiple choice
time       a time or a ratio: the same numbers between the colons
base       a number in a base: the same digits and base
matrix     entry by entry
interval   intervals and inequalities, end by end
number     the same number, exactly, with its unit, currency or percent sign
list       several answers, all of them; a set; a point in its order
equation   what an equation assigns to a name
formula    sympy, on what math-verify's parser reads
too large  no layer computes it; the answer counts as wrong

A verdict may take long or much memory for a text made for that: `bounded` sets the limits.
docs/grading.md gives the verdicts where people differ.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.metadata import version

from specreason.evaluation.arithmetic import TooLarge
from specreason.evaluation.choices import choice_of
from specreason.evaluation.cleaning import cleaned, folded, has_words
from specreason.evaluation.equations import (
    assignment_of,
    assignments_of,
    is_equation,
    same_assignments,
    values_of,
)
from specreason.evaluation.formulas import same_formula
from specreason.evaluation.parts import Parts, as_point, matrix_of, parts_of, same_matrices, same_parts
from specreason.evaluation.quantities import (
    bare_digits,
    colons_of,
    digits_in_base,
    quantity_of,
    same_quantity,
)
from specreason.evaluation.ranges import has_relations, ranges_of, same_ranges
from specreason.evaluation.verdict import Verdict
from specreason.submission.gold import gold_of

# The layers' own version rises with each change of a verdict.
GRADER = f"layers 1, math-verify {version('math-verify')}"
LONGEST = 10_000  # characters
_MOST_DEPTH = 5  # of parts in parts


def grade(answer: str | None, gold: str) -> Verdict:
    """Compare an extracted answer with the gold answer, which may also be a whole solution (`####`, a last box)."""
    if answer is None:
        return _verdict(False, "text", "there is no answer")
    wanted = gold_of(gold).text or gold
    if answer.strip() == wanted.strip():
        return _verdict(True, "text", "the same text")
    if max(len(answer), len(wanted)) > LONGEST:
        return _verdict(False, "too large", f"given up: more than {LONGEST:,} characters")
    try:
        several = _several(wanted)
        if several is not None:
            return _list(several, parts_of(cleaned(gold_of(answer).text or answer)), 0)
        return _compare(cleaned(wanted), cleaned(answer), 0)
    except TooLarge as error:
        return _verdict(False, "too large", f"given up: {error}")


def _compare(gold: str, answer: str, depth: int) -> Verdict:
    if depth > _MOST_DEPTH:
        raise TooLarge(f"it has more than {_MOST_DEPTH} levels of parts in parts")
    if folded(gold) == folded(answer):
        return _verdict(True, "text", "the same text without decoration")
    for layer in _LAYERS:
        found = layer(gold, answer, depth)
        if found is not None:
            return found
    if has_words(gold) or has_words(answer):
        return _verdict(False, "text", "another text")
    same = same_formula(gold, answer)
    if same is None:
        return _verdict(False, "text", "another text, and not both are mathematics")
    return _verdict(same, "formula", f"{'equal' if same else 'not equal'} as mathematics")


def _choice(gold: str, answer: str, depth: int) -> Verdict | None:
    if depth:
        return None
    wanted, chosen = choice_of(gold), choice_of(answer)
    if wanted is None:
        if chosen is None or not chosen[1]:
            return None
        found = _compare(gold, chosen[1], depth + 1)
        return found if found.is_correct else None
    letter, text = wanted
    if chosen is not None:
        return _verdict(chosen[0] == letter, "choice", f"chooses {chosen[0]}; {letter} is right")
    if text:
        return _compare(text, answer, depth + 1)
    return _verdict(False, "choice", f"chooses no letter; {letter} is right")


def _time(gold: str, answer: str, depth: int) -> Verdict | None:
    one, other = colons_of(gold), colons_of(answer)
    if one is None and other is None:
        return None
    if one is None or other is None:
        return _verdict(False, "time", "one of both is a time or ratio, the other is none")
    same = one[0] == other[0] and (one[1] == other[1] or "" in (one[1], other[1]))
    return _verdict(same, "time", "the same numbers" if same else "another time or ratio")


def _base(gold: str, answer: str, depth: int) -> Verdict | None:
    one, other = digits_in_base(gold), digits_in_base(answer)
    if one is None and other is None:
        return None
    if one is not None and other is not None:
        return _verdict(
            one == other, "base", f"{one[0]} in base {one[1]} wanted, {other[0]} in base {other[1]} given"
        )
    digits, bare = (one, answer) if one is not None else (other, gold)
    if digits is None or not bare_digits(bare).isalnum():
        return None
    same = bare_digits(bare) == digits[0]
    return _verdict(same, "base", "the same digits, the base left out" if same else "other digits")


def _matrix(gold: str, answer: str, depth: int) -> Verdict | None:
    one, other = matrix_of(gold), matrix_of(answer)
    if one is not None and other is not None:
        same = same_matrices(one, other, _same(depth))
        return _verdict(same, "matrix", "the same entries" if same else "another entry or shape")
    if one is None and other is None:
        return None
    point = as_point(one if one is not None else other or ())
    parts = parts_of(answer if one is not None else gold)
    if parts is None or point is None or parts.brackets != "()":
        return None
    same = same_parts(point, parts, _same(depth))
    return _verdict(same, "matrix", "a point with the same entries" if same else "a point with other entries")


def _interval(gold: str, answer: str, depth: int) -> Verdict | None:
    one, other = ranges_of(gold), ranges_of(answer)
    if one is not None and other is not None:
        same = same_ranges(one, other, _same(depth))
        return _verdict(
            same, "interval", "the same ends" if same else "other ends, or open where the other is closed"
        )
    if (one is None) != (other is None) and has_relations(gold) != has_relations(answer):
        return _verdict(False, "interval", "one of both is an inequality, the other is none")
    return None


def _number(gold: str, answer: str, depth: int) -> Verdict | None:
    one, other = quantity_of(gold), quantity_of(answer)
    if one is None or other is None:
        return None
    same, why = same_quantity(one, other)
    # "100,200" may be a number, and may be two.
    if not same and parts_of(gold) is not None and parts_of(answer) is not None:
        return None
    return _verdict(same, "number", why)


def _parts(gold: str, answer: str, depth: int) -> Verdict | None:
    same = _same(depth)
    named = assignments_of(gold, same), assignments_of(answer, same)
    if named[0] is not None and named[1] is not None:
        equal = same_assignments(named[0], named[1], same)
        return _verdict(equal, "equation", "the same values" if equal else "another value or name")
    one, other = (
        parts_of(text) if assigned is None else values_of(assigned)
        for text, assigned in zip((_value(gold, same), _value(answer, same)), named, strict=True)
    )
    if one is None and other is None:
        return None
    if one is not None and other is not None:
        return _list(one, other, depth)
    # A set of one is its element.
    single, text = (one, answer) if one is not None else (other, gold)
    if single is not None and single.brackets == "{}" and len(single.items) == 1:
        pair = (single.items[0], text) if one is not None else (text, single.items[0])
        return _compare(*pair, depth + 1)
    return _list(one, other, depth)


def _list(gold: Parts | None, answer: Parts | None, depth: int) -> Verdict:
    asked, given = (len(parts.items) if parts is not None else 1 for parts in (gold, answer))
    if gold is None or answer is None or (asked != given and "{}" not in (gold.brackets, answer.brackets)):
        return _verdict(False, "list", f"{asked} asked for, {given} given")
    if same_parts(gold, answer, _same(depth)):
        return _verdict(True, "list", f"all {asked} of them" if asked > 1 else "the same")
    return _verdict(False, "list", "another part, order or kind of brackets")


def _equation(gold: str, answer: str, depth: int) -> Verdict | None:
    sides = [text for text in (gold, answer) if is_equation(text)]
    if not sides:
        return None
    same = _same(depth)
    one, other = assignment_of(gold, same), assignment_of(answer, same)
    if len(sides) == 1:
        if one is None and other is None:
            return _verdict(False, "equation", "one of both is an equation, the other is none")
        found = _compare(one.value if one else gold, other.value if other else answer, depth + 1)
        return _verdict(found.is_correct, "equation", f"its value: {found.why}")
    if one is not None and other is not None and one.name == other.name:
        found = _compare(one.value, other.value, depth + 1)
        return _verdict(found.is_correct, "equation", f"{one.name}: {found.why}")
    if one is not None and other is not None and quantity_of(one.value) and quantity_of(other.value):
        return _verdict(False, "equation", f"{other.name} is named, not {one.name}")
    return None


_LAYERS: tuple[Callable[[str, str, int], Verdict | None], ...] = (
    _choice,
    _time,
    _base,
    _matrix,
    _interval,
    _number,
    _parts,
    _equation,
)


def _same(depth: int) -> Callable[[str, str], bool]:
    """How parts compare."""
    return lambda gold, answer: _compare(gold, answer, depth + 1).is_correct


def _value(text: str, same: Callable[[str, str], bool]) -> str:
    """What an assignment assigns; any other text as it is."""
    assigned = assignment_of(text, same)
    return text if assigned is None else assigned.value


def _several(gold: str) -> Parts | None:
    """The gold answers of a JSON list of texts; None for any other text."""
    try:
        listed = json.loads(gold) if gold.startswith("[") else None
    except (ValueError, RecursionError):
        return None
    if not listed or not all(isinstance(each, str) for each in listed):
        return None
    return Parts(items=tuple(cleaned(each) for each in listed))


def _verdict(is_correct: bool, layer: str, why: str) -> Verdict:
    return Verdict(is_correct=is_correct, layer=layer, why=why)
