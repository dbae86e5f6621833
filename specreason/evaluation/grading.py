"""Decides whether an answer equals the gold answer, in layers: the first one that can decide does, and says so.

text       the same text, without decoration; words without case
choice     the letter of a multiple choice
colons     a time or a ratio: the same numbers
base       a number in a base: the same digits and base
number     the same number, exactly, with its unit, currency or percent sign
parts      several answers, all of them; a point in its order; intervals and inequalities; matrices
formula    math-verify and sympy
too large  no layer computes it; the answer counts as wrong

The verdict may take long or much memory for a text made for that: `bounded` sets the limits.
docs/grading.md gives the verdicts where people differ.
"""

from __future__ import annotations

from importlib.metadata import version

from specreason.evaluation.arithmetic import TooLarge
from specreason.evaluation.choices import choice_of
from specreason.evaluation.cleaning import cleaned, folded, is_words
from specreason.evaluation.formulas import same_formula
from specreason.evaluation.quantities import colons_of, digits_in_base, quantity_of, same_quantity
from specreason.evaluation.structures import (
    intervals_of,
    matrix_of,
    named,
    parts_of,
    same_intervals,
    same_matrices,
    same_parts,
)
from specreason.evaluation.verdict import Verdict
from specreason.submission.gold import gold_of

# The layers' own version rises with each change of a verdict.
GRADER = f"layers 1, math-verify {version('math-verify')}"
LONGEST = 20_000  # characters
_MOST_DEPTH = 4  # of parts in parts


def grade(answer: str | None, gold: str) -> Verdict:
    """Compare an extracted answer with the gold answer, which may also be a whole solution (`####`, a last box)."""
    if answer is None:
        return Verdict(is_correct=False, layer="text", why="there is no answer")
    wanted = gold_of(gold).text or gold
    if answer.strip() == wanted.strip():
        return Verdict(is_correct=True, layer="text", why="the same text")
    if max(len(answer), len(wanted)) > LONGEST:
        return Verdict(is_correct=False, layer="too large", why=f"more than {LONGEST:,} characters")
    try:
        return _compare(cleaned(wanted), cleaned(answer), 0)
    except TooLarge as error:
        return Verdict(is_correct=False, layer="too large", why=str(error))


def _compare(gold: str, answer: str, depth: int) -> Verdict:
    if folded(gold) == folded(answer):
        return _verdict(True, "text", "the same text without decoration")
    for layer in (_choice, _colons, _base, _number, _parts):
        found = layer(gold, answer, depth)
        if found is not None:
            return found
    if is_words(gold) or is_words(answer):
        return _verdict(False, "text", "another text")
    same = same_formula(gold, answer)
    if same is None:
        return _verdict(False, "text", "another text, and not both are mathematics")
    return _verdict(same, "formula", "equal as mathematics" if same else "not equal as mathematics")


def _choice(gold: str, answer: str, depth: int) -> Verdict | None:
    wanted = choice_of(gold) if not depth else None
    if wanted is None:
        return None
    letter, text = wanted
    chosen = choice_of(answer)
    if chosen is not None:
        return _verdict(chosen[0] == letter, "choice", f"chooses {chosen[0]}; {letter} is right")
    if text:
        return _compare(text, answer, depth + 1)
    return _verdict(False, "choice", f"chooses no letter; {letter} is right")


def _colons(gold: str, answer: str, depth: int) -> Verdict | None:
    one, other = colons_of(gold), colons_of(answer)
    if one is None and other is None:
        return None
    if one is None or other is None:
        return _verdict(False, "colons", "one of both is a time or ratio, the other is none")
    same = one[0] == other[0] and (one[1] == other[1] or "" in (one[1], other[1]))
    return _verdict(same, "colons", "the same numbers" if same else "another time or ratio")


def _base(gold: str, answer: str, depth: int) -> Verdict | None:
    one, other = digits_in_base(gold), digits_in_base(answer)
    if one is None and other is None:
        return None
    if one is not None and other is not None:
        return _verdict(
            one == other, "base", "the same digits and base" if one == other else "another number or base"
        )
    bare, digits = (answer, one) if one is not None else (gold, other)
    same = digits is not None and bare.strip().upper().lstrip("0") == digits[0]
    return _verdict(same, "base", "the same digits, the base left out" if same else "other digits")


def _number(gold: str, answer: str, depth: int) -> Verdict | None:
    one, other = quantity_of(_value(gold)), quantity_of(_value(answer))
    if one is None or other is None:
        return None
    same, why = same_quantity(one, other)
    # "100,200" may be a number, and may be two.
    if not same and "," in gold + answer and parts_of(gold) is not None and parts_of(answer) is not None:
        return None
    return _verdict(same, "number", why)


def _parts(gold: str, answer: str, depth: int) -> Verdict | None:
    if depth >= _MOST_DEPTH:
        return None

    def same(one: str, other: str) -> bool:
        return _compare(one, other, depth + 1).is_correct

    matrices = matrix_of(gold), matrix_of(answer)
    if matrices[0] is not None and matrices[1] is not None:
        return _verdict(same_matrices(*matrices, same), "parts", "matrices, entry by entry")  # type: ignore[arg-type]
    one, other = parts_of(gold), parts_of(answer)
    if one is not None and other is not None:
        equal = same_parts(one, other, same)
        count = f"{len(one.items)} parts asked for, {len(other.items)} given"
        if equal or intervals_of(gold) is None or intervals_of(answer) is None:
            return _verdict(equal, "parts", "part by part" if len(one.items) == len(other.items) else count)
    ranges = intervals_of(gold), intervals_of(answer)
    if ranges[0] is not None and ranges[1] is not None:
        return _verdict(same_intervals(*ranges, same), "parts", "intervals, end by end")  # type: ignore[arg-type]
    if one is not None or other is not None:
        counts = (len(parts.items) if parts is not None else 1 for parts in (one, other))
        return _verdict(False, "parts", "{} asked for, {} given".format(*counts))
    # x = 5 for 5, and the other way round; a part of a formula is not the formula.
    names = named(gold), named(answer)
    if names[0] is not None and names[1] is not None and names[0][0] == names[1][0]:
        return _compare(names[0][1], names[1][1], depth + 1)
    if (names[0] is None) != (names[1] is None):
        stripped = _value(gold), _value(answer)
        if "=" not in "".join(stripped):
            return _compare(*stripped, depth + 1)
    return None


def _value(text: str) -> str:
    """What an assignment assigns; any other text as it is."""
    assigned = named(text)
    return text if assigned is None else assigned[1]


def _verdict(is_correct: bool, layer: str, why: str) -> Verdict:
    return Verdict(is_correct=is_correct, layer=layer, why=why)
