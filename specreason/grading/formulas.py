r"""Formulas: math-verify and sympy decide whether two of them are equal. Imported only when no other layer can.

Their cost knows no bound. This refuses what is sure to be too large; `bounded` holds the rest.
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Any

from specreason.grading.arithmetic import TooLarge, value_of
from specreason.grading.cleaning import WORD

LONGEST = 1_000  # characters
MOST_DEPTH = 25  # levels of brackets
LARGEST_EXPONENT = 10_000
LARGEST_INNER_EXPONENT = 100  # of a power in an exponent
LARGEST_FACTORIAL = 1_000
MOST_DIGITS = 400
# Digits to which values are computed, and the relative difference that is still none.
_DIGITS, _NO_DIFFERENCE = 60, 1e-45
# Where formulas of variables are compared; variables take the values in turn. Equal in all of them is equal.
_POINTS = (
    ("1.3717", "0.6131", "2.2043", "0.8719"),
    ("0.4177", "1.9371", "0.7283", "3.1051"),
    ("-1.2913", "-0.5347"),
)

_DIGITS_IN_A_ROW = re.compile(r"\d+")
_DECIMAL = re.compile(r"(?<![\d.])(\d*)\.(\d+)")
_GROWS = re.compile(r"(\d+|[)}\]!])\s*!|\\binom\s*\{?\s*(\d+)|\\Gamma\s*\(?\s*(\d+)")
_COMPLEX = re.compile(r"(?<![A-Za-z\\])i(?![A-Za-z])")


def same_formula(gold: str, answer: str) -> bool | None:
    """Whether two cleaned texts are equal as mathematics; None if one of them is none. Raises TooLarge."""
    for text in (gold, answer):
        refuse_what_is_too_large(text)
    one, other = _read(gold), _read(answer)
    if one is None or other is None:
        return None
    try:
        return _same(one, other)
    except (TooLarge, MemoryError):
        raise
    except Exception:
        # Of a library, on any two formulas: its errors have no common class.
        return None


def _same(one: Any, other: Any) -> bool | None:
    from sympy import Eq, Expr, MatrixBase, MatrixExpr

    for kinds, compare in (
        ((MatrixBase, MatrixExpr), _same_matrices),
        (Expr, _same_values),
        (Eq, _same_equations),
    ):
        if isinstance(one, kinds) and isinstance(other, kinds):
            return compare(one, other)
        if isinstance(one, kinds) or isinstance(other, kinds):
            return False
    from math_verify import verify

    return bool(verify(one, other, float_rounding=_DIGITS, numeric_precision=_DIGITS, timeout_seconds=None))


def refuse_what_is_too_large(text: str) -> None:
    """Raises TooLarge for a formula that would take more than a moment, or more memory than there is."""
    if len(text) > LONGEST:
        raise TooLarge(f"the formula has {len(text):,} characters; at most {LONGEST:,} are compared")
    depth = 0
    for each in text:
        depth += (each in "({[") - (each in ")}]")
        if depth > MOST_DEPTH:
            raise TooLarge(f"the formula has more than {MOST_DEPTH} levels of brackets")
    if any(len(each) > MOST_DIGITS for each in _DIGITS_IN_A_ROW.findall(text)):
        raise TooLarge(f"the formula has a number of more than {MOST_DIGITS} digits")
    for grows in _GROWS.finditer(text):
        if grows[1] == ")" and _is_small_group(text[: grows.end(1)]):
            continue
        digits = next((each for each in grows.groups() if each), "")
        if not digits.isdecimal() or int(digits) > LARGEST_FACTORIAL:
            raise TooLarge("the formula has a factorial or binomial that is too large to be computed")
    _refuse_large_powers(text)


def _is_small_group(text: str) -> bool:
    """Whether the bracket that ends a text is small enough for a factorial: `(n-1)`, but no power or product."""
    depth = 0
    for start in range(len(text) - 1, -1, -1):
        depth += (text[start] == ")") - (text[start] == "(")
        if not depth:
            break
    group = text[start:]
    if depth or any(each in group for each in ("^", "!", "*", "\\cdot", "\\times", ".")):
        return False
    value = value_of(group) or Fraction(math.prod(int(each) or 1 for each in _DIGITS_IN_A_ROW.findall(group)))
    return abs(value) <= LARGEST_FACTORIAL


def _refuse_large_powers(text: str) -> None:
    """A power in an exponent counts with its value; nothing stands above a third level."""
    for place, each in enumerate(text):
        if each != "^":
            continue
        exponent = _argument(text, place + 1)
        if exponent.count("^") > 1:
            raise TooLarge("the formula is a tower of powers")
        value = _bound_of(exponent)
        if value is not None and abs(value) > (
            LARGEST_INNER_EXPONENT if "^" in exponent else LARGEST_EXPONENT
        ):
            raise TooLarge("the formula has a power that is too large to be computed")


def _bound_of(exponent: str) -> Fraction | None:
    """The exponent's value. Letters count as 1, so that 10^9 x is as large as 10^9."""
    value = value_of(exponent)
    if value is None:
        numbers = [int(each) for each in _DIGITS_IN_A_ROW.findall(exponent)]
        value = Fraction(max(numbers)) if numbers else None
    return value


def _argument(text: str, start: int) -> str:
    """What a `^` at `start - 1` raises to: a group in braces, or the characters that belong together."""
    if text[start : start + 1] != "{":
        found = re.compile(r"-?\d+|.", re.DOTALL).match(text, start)
        return found[0] if found else ""
    depth = 0
    for place in range(start, len(text)):
        depth += (text[place] == "{") - (text[place] == "}")
        if not depth:
            return text[start + 1 : place]
    return text[start + 1 :]


@lru_cache(maxsize=256)
def _read(text: str) -> Any | None:
    """The formula in sympy's types; None if the text is none. Decimals are read as the fractions that they are."""
    if "'" in text:
        return None  # the parser passes over primes
    number = value_of(text)
    if number is not None:
        return _rational(number)
    from latex2sympy2_extended import latex2sympy
    from latex2sympy2_extended.latex2sympy2 import ConversionConfig
    from sympy import Basic, I

    # They log what they cannot read, with the user's text.
    for name in ("math_verify", "latex2sympy2_extended"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    exact = _DECIMAL.sub(lambda found: _fraction(found[1], found[2]), text.replace(WORD, " "))
    try:
        formula = latex2sympy(
            exact.replace("\\reals", "\\mathbb{R}"),
            is_real=_COMPLEX.search(text) is None,
            convert_degrees=False,
            normalization_config=None,
            conversion_config=ConversionConfig(lowercase_symbols=False, interpret_contains_as_eq=False),
        )
        if isinstance(formula, Basic):
            formula = formula.subs({each: I for each in formula.free_symbols if str(each) == "i"})
    except MemoryError:
        raise
    except Exception:
        # The parser of a library, on any text: its errors have no common class.
        return None
    return formula


def _fraction(whole: str, decimals: str) -> str:
    return rf"{{\frac{{{int(whole + decimals)}}}{{1{'0' * len(decimals)}}}}}"


def _same_values(one: Any, other: Any) -> bool | None:
    """Whether two expressions have equal values at each point; at the negative ones only where both are real."""
    if one == other:
        return True
    names = sorted(one.free_symbols | other.free_symbols, key=str)
    compared = 0
    for point in _POINTS if names else ((),):
        at = _at(point, names)
        a, b = _value(one, at), _value(other, at)
        if a is None or b is None or (point is _POINTS[-1] and (a.imag or b.imag)):
            continue
        compared += 1
        scale = max(abs(a), abs(b))
        if abs(a - b) > scale * _NO_DIFFERENCE:
            return False
    return compared > 0


def _value(formula: Any, at: dict[Any, Any]) -> Any | None:
    """The value at a point to _DIGITS digits; None if it has none."""
    import mpmath

    value = formula.doit().evalf(_DIGITS, subs=at)
    real, imaginary = value.as_real_imag()
    if not (real.is_Number and imaginary.is_Number and real.is_finite and imaginary.is_finite):
        return None
    with mpmath.workdps(_DIGITS):
        return mpmath.mpc(str(real), str(imaginary))


def _at(point: Sequence[str], names: Sequence[Any]) -> dict[Any, Any]:
    """The values that variables take at a point. They are inexact, so that a power of them stays small."""
    from sympy import Float

    return {
        name: Float(point[place % len(point)], _DIGITS) + place // len(point)
        for place, name in enumerate(names)
    }


def _rational(number: Fraction) -> Any:
    from sympy import Rational

    return Rational(number.numerator, number.denominator)


def _same_matrices(one: Any, other: Any) -> bool:
    one, other = one.doit(), other.doit()
    return one.shape == other.shape and all(
        _same_values(a, b) for a, b in zip(one.flat(), other.flat(), strict=True)
    )


def _same_equations(one: Any, other: Any) -> bool | None:
    """Whether one is the other times a number: 2x + y = 0 and y = -2x."""
    left, right = one.lhs - one.rhs, other.lhs - other.rhs
    if left.free_symbols != right.free_symbols or not left.free_symbols:
        return False
    names = sorted(left.free_symbols, key=str)
    at = _at(_POINTS[0], names)
    a, b = _value(left, at), _value(right, at)
    if not a or not b:
        return None
    factor = (a / b).real
    from sympy import Float

    return _same_values(left, right * Float(str(factor), _DIGITS))
