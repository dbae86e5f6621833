r"""Formulas: math-verify and sympy decide whether two of them are equal. Imported only when the other layers cannot.

Their cost knows no bound, so that this refuses what is sure to be too large; `bounded` holds the rest.
"""

from __future__ import annotations

import logging
import re

from specreason.evaluation.arithmetic import TooLarge
from specreason.evaluation.cleaning import WORD

LONGEST = 2_000  # characters
MOST_DEPTH = 40
LARGEST_NUMBER = 10**6  # of an exponent, or below a factorial or binomial
MOST_DIGITS = 1_000
# Digits to which two constants are computed, and the relative difference that is still none.
_DIGITS, _NO_DIFFERENCE = 60, 1e-45

_NUMBER = re.compile(r"\d+")
_POWER = re.compile(r"\^\s*\{?\s*-?\s*(\d[\d,]*)")
_GROWS = re.compile(r"(\d+)\s*\}?\s*\)?\s*!|\\d?binom\s*\{?(\d+)|\\Gamma|\\zeta\s*\(\s*\d{3,}")


def same_formula(gold: str, answer: str) -> bool | None:
    """Whether two cleaned texts are equal as mathematics; None if one of them is none. Raises TooLarge."""
    for text in (gold, answer):
        refuse_what_is_too_large(text)
    from math_verify import parse, verify
    from math_verify.parser import LatexExtractionConfig
    from sympy import Basic, Expr

    # It logs what it cannot read, with the user's text.
    logging.getLogger("math_verify").setLevel(logging.CRITICAL)
    logging.getLogger("latex2sympy2_extended").setLevel(logging.CRITICAL)
    read = [
        parse(
            f"${text.replace(WORD, ' ')}$",
            extraction_config=[LatexExtractionConfig()],
            fallback_mode="no_fallback",
            parsing_timeout=None,
        )
        for text in (gold, answer)
    ]
    meant = [next((each for each in found if not isinstance(each, str)), None) for found in read]
    if meant[0] is None or meant[1] is None:
        return None
    one, other = meant
    if isinstance(one, Expr) and isinstance(other, Expr) and one.is_number and other.is_number:
        return _same_constant(one, other)
    if isinstance(one, Basic) and isinstance(other, Basic) and _symbols(one) != _symbols(other):
        return False
    return bool(verify(one, other, float_rounding=12, numeric_precision=30, timeout_seconds=None))


def refuse_what_is_too_large(text: str) -> None:
    """Raises TooLarge for a formula that would take more than a moment, or more memory than there is."""
    if len(text) > LONGEST:
        raise TooLarge(f"the formula has {len(text):,} characters; at most {LONGEST:,} are compared")
    depth = most = 0
    for each in text:
        depth += (each in "({[") - (each in ")}]")
        most = max(most, depth)
    if most > MOST_DEPTH:
        raise TooLarge(f"the formula has {most} levels of brackets; at most {MOST_DEPTH} are compared")
    if any(len(each) > MOST_DIGITS for each in _NUMBER.findall(text)):
        raise TooLarge(f"the formula has a number of more than {MOST_DIGITS} digits")
    if _tower(text):
        raise TooLarge("the formula is a tower of powers")
    exponents = [int(each.replace(",", "")) for each in _POWER.findall(text)]
    if any(each > LARGEST_NUMBER for each in exponents):
        raise TooLarge("the formula has a power that is too large to be computed")
    for found in _GROWS.finditer(text):
        if int(found[1] or found[2] or 0) > LARGEST_NUMBER // 1000 or (found[1] is None and found[2] is None):
            raise TooLarge("the formula has a factorial or binomial that is too large to be computed")


def _tower(text: str) -> bool:
    """Whether a power stands in the exponent of a power of a power: three levels of them grow without bound."""
    levels: list[bool] = []
    inside = 0
    for position, each in enumerate(text):
        if each in "({[":
            is_exponent = each == "{" and text[:position].rstrip().endswith("^")
            levels.append(is_exponent)
            inside += is_exponent
        elif each in ")}]" and levels:
            inside -= levels.pop()
        elif each == "^" and inside >= 2:
            return True
    return False


def _same_constant(one: object, other: object) -> bool:
    from sympy import Abs, Expr, N

    if not isinstance(one, Expr) or not isinstance(other, Expr):
        return False
    if one == other:
        return True
    a, b = N(one, _DIGITS), N(other, _DIGITS)
    scale = max(Abs(a), Abs(b), key=float)
    if scale == 0:
        return True
    return bool(Abs(a - b) <= scale * _NO_DIFFERENCE)


def _symbols(formula: object) -> set[str]:
    return {str(each) for each in getattr(formula, "free_symbols", ())}
