r"""Computes a text that is made of numbers alone, exactly: `\frac{3}{4}`, `2^{80}`, `1.5 \times 10^{-7}`, `7 3/4`.

A value is a Fraction, so that nothing is ever rounded. Numbers that would take more than a moment are refused.
"""

from __future__ import annotations

import math
import re
from fractions import Fraction
from typing import NoReturn

# Bits of the largest numerator or denominator, levels of brackets, digits of a number as it is written.
LARGEST_BITS = 200_000
MOST_DEPTH = 40
MOST_DIGITS = 4_000
LARGEST_FACTORIAL = 2_000
LONGEST = 10_000  # characters

_NUMBER = r"(?:\d{1,3}(?:,\d{3})+(?![\d,])|\d+)?\.\d+|\d{1,3}(?:,\d{3})+(?![\d,])|\d+\.?"
_TOKEN = re.compile(
    rf"\s*(?:(?P<number>(?:{_NUMBER})(?:[eE][+-]?\d{{1,9}}(?![\d.]))?)"
    r"|\\(?:cdot|times|ast|div|frac|sqrt|binom|lfloor|rfloor|lceil|rceil)(?![A-Za-z])|\*\*|[-+*/^(){}\[\]!])"
)
# 7 3/4 and 7\frac{3}{4}: the fraction is added.
_MIXED = re.compile(
    r"(?P<minus>-)?\s*(?P<whole>\d{1,40})\s*(?:\\frac\s*\{\s*(?P<a>\d{1,40})\s*\}\s*\{\s*(?P<b>\d{1,40})\s*\}"
    r"|\s(?:and\s)?\s*(?P<c>\d{1,40})\s*/\s*(?P<d>\d{1,40}))"
)

_CLOSING = {"(": ")", "{": "}"}
_ROUNDING = {"\\lfloor": ("\\rfloor", math.floor), "\\lceil": ("\\rceil", math.ceil)}

_RECURRING = re.compile(r"(-?)(\d{0,20})\.(\d{0,40})\\(?:overline|bar)\s*\{?\s*(\d{1,40})\s*\}?")


class TooLarge(ValueError):
    """A number or formula is too large to be computed."""


class _NotANumber(ValueError):
    """The text is no number."""


def value_of(text: str) -> Fraction | None:
    """The value of a cleaned text; None if it is not made of numbers alone. Raises TooLarge."""
    if len(text) > LONGEST or not re.search(r"\d", text):
        return None
    if (mixed := _MIXED.fullmatch(text.strip())) is not None and (value := _mixed(mixed)) is not None:
        return value
    if (recurring := _RECURRING.fullmatch(text.strip())) is not None:
        return _recurring(*recurring.groups())
    try:
        return _Reader(text).read()
    except (_NotANumber, ZeroDivisionError):
        return None


def _mixed(mixed: re.Match[str]) -> Fraction | None:
    """The sum; None unless its fraction is a proper one: `2\\frac{5}{3}` is a product."""
    top, bottom = int(mixed["a"] or mixed["c"]), int(mixed["b"] or mixed["d"])
    if top >= bottom:
        return None
    value = int(mixed["whole"]) + Fraction(top, bottom)
    return -value if mixed["minus"] else value


def _recurring(minus: str, whole: str, before: str, again: str) -> Fraction:
    """0.1666…, written as 0.1 and a line over the 6."""
    nines = int("9" * len(again) + "0" * len(before))
    value = Fraction(int(f"{whole or 0}{before}{again}") - int(f"{whole or 0}{before}"), nines)
    return -value if minus else value


class _Reader:
    """A recursive descent over one text: a sum of products of powers."""

    def __init__(self, text: str) -> None:
        self._tokens: list[str] = []
        position = 0
        text = text.rstrip()
        while position < len(text):
            token = _TOKEN.match(text, position)
            if token is None:
                _refuse()
            self._tokens.append(token[0].strip())
            position = token.end()
        self._place = 0
        self._depth = 0

    def read(self) -> Fraction:
        value = self._sum()
        if self._next is not None:
            _refuse()
        return value

    @property
    def _next(self) -> str | None:
        return self._tokens[self._place] if self._place < len(self._tokens) else None

    def _take(self, *expected: str) -> str | None:
        token = self._next
        if token is not None and (token in expected or not expected):
            self._place += 1
            return token
        return None

    def _sum(self) -> Fraction:
        self._depth += 1
        if self._depth > MOST_DEPTH:
            raise TooLarge(f"it has more than {MOST_DEPTH} levels of brackets")
        value = self._product()
        while (sign := self._take("+", "-")) is not None:
            value = _bounded(value + (self._product() if sign == "+" else -self._product()))
        self._depth -= 1
        return value

    def _product(self) -> Fraction:
        value = self._signed()
        while True:
            if self._take("\\cdot", "\\times", "\\ast", "*") is not None:
                value = _bounded(value * self._signed())
            elif self._take("/", "\\div") is not None:
                value = _bounded(value / self._signed())
            elif self._next in ("(", "\\frac", "\\sqrt", "\\binom"):
                value = _bounded(value * self._power())
            else:
                return value

    def _signed(self) -> Fraction:
        is_negative = False
        while (token := self._take("+", "-")) is not None:
            is_negative ^= token == "-"
        return -self._power() if is_negative else self._power()

    def _power(self) -> Fraction:
        base = self._factorial()
        if self._take("^", "**") is None:
            return base
        exponent = self._argument() if self._next == "{" else self._signed()
        return power(base, exponent)

    def _factorial(self) -> Fraction:
        value = self._atom()
        while self._take("!") is not None:
            if value.denominator != 1 or value < 0:
                _refuse()
            if value > LARGEST_FACTORIAL:
                raise TooLarge("it has a factorial that is too large to be computed")
            value = Fraction(math.factorial(int(value)))
        return value

    def _atom(self) -> Fraction:
        token = self._take()
        if token in _CLOSING:
            return self._closed_by(_CLOSING[token])
        if token in _ROUNDING:
            bracket, rounded = _ROUNDING[token]
            return Fraction(rounded(self._closed_by(bracket)))
        if token == "\\frac":
            top = self._argument()
            return _bounded(top / self._argument())
        if token == "\\binom":
            top = self._argument()
            return _binomial(top, self._argument())
        if token == "\\sqrt":
            index = self._closed_by("]") if self._take("[") is not None else Fraction(2)
            return _root(self._argument(), index)
        if token is None or not (token[0].isdigit() or token[0] == "."):
            _refuse()
        return number(token)

    def _closed_by(self, bracket: str) -> Fraction:
        value = self._sum()
        if self._take(bracket) is None:
            _refuse()
        return value

    def _argument(self) -> Fraction:
        """A sum in braces, or one digit, as TeX takes it."""
        if self._take("{") is not None:
            return self._closed_by("}")
        token = self._next
        if token is None or not token[0].isdigit():
            _refuse()
        if len(token) == 1:
            self._place += 1
        else:
            self._tokens[self._place] = token[1:]
        return Fraction(int(token[0]))


def number(token: str) -> Fraction:
    """One number as it is written: with thousands separators, decimals, an exponent."""
    mantissa, _, exponent = token.lower().replace(",", "").rstrip(".").partition("e")
    whole, _, decimals = mantissa.partition(".")
    if (num_digits := len(whole + decimals)) > MOST_DIGITS:
        raise TooLarge(f"the number has {num_digits:,} digits")
    value = Fraction(int(whole + decimals), 10 ** len(decimals))
    return value * power(Fraction(10), Fraction(int(exponent))) if exponent else value


def power(base: Fraction, exponent: Fraction) -> Fraction:
    """`base` to the `exponent`. Raises TooLarge."""
    if exponent.denominator != 1:
        if abs(exponent) > LARGEST_BITS:
            raise TooLarge("it has a power that is too large to be computed")
        return _root(power(base, Fraction(exponent.numerator)), Fraction(exponent.denominator))
    if abs(base) in (0, 1):
        return base ** (int(exponent) % 2 or 2) if exponent > 0 else base ** int(exponent)
    if abs(exponent) * max(base.numerator.bit_length(), base.denominator.bit_length()) > LARGEST_BITS:
        raise TooLarge("it has a power that is too large to be computed")
    return base ** int(exponent)


def _root(value: Fraction, index: Fraction) -> Fraction:
    """The root, if it is a fraction; any other one is no number here."""
    if index.denominator != 1 or not 2 <= index <= 64 or value < 0:
        _refuse()
    top, bottom = _whole_root(value.numerator, int(index)), _whole_root(value.denominator, int(index))
    return Fraction(top, bottom)


def _whole_root(value: int, index: int) -> int:
    if index == 2:
        low = math.isqrt(value)
        return low if low**2 == value else _refuse()
    low, high = 0, 1 << (value.bit_length() // index + 1)
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if middle**index < value else (low, middle)
    return low if low**index == value else _refuse()


def _binomial(top: Fraction, bottom: Fraction) -> Fraction:
    if top.denominator != 1 or bottom.denominator != 1 or top < 0 or bottom < 0:
        _refuse()
    if top > LARGEST_FACTORIAL:
        raise TooLarge("it has a binomial that is too large to be computed")
    return Fraction(math.comb(int(top), int(bottom)))


def _bounded(value: Fraction) -> Fraction:
    if max(value.numerator.bit_length(), value.denominator.bit_length()) > LARGEST_BITS:
        raise TooLarge("it is too large to be computed")
    return value


def _refuse() -> NoReturn:
    raise _NotANumber("it is no number")
