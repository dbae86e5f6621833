r"""Computes a text that is made of numbers alone, exactly: `\frac{3}{4}`, `2^{80}`, `1.5 \times 10^{-7}`, `7 3/4`.

A value is a Fraction, so that nothing is ever rounded. Numbers that would take more than a moment are refused.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import NoReturn

# Bits of the largest numerator or denominator, and levels of brackets.
LARGEST_BITS = 400_000
MOST_DEPTH = 40
LONGEST = 30_000  # characters

_TOKEN = re.compile(
    r"\s*(?P<number>(?:\d{1,3}(?:,\d{3})+(?![\d,])|\d+)?\.\d+|\d{1,3}(?:,\d{3})+(?![\d,])|\d+\.?)(?P<power>[eE][+-]?\d{1,9}(?![\d.]))?"
    r"|\s*(?P<sign>\\(?:cdot|times|div|frac|sqrt)(?![A-Za-z])|\*\*|[-+*/^(){}!])"
)
# 7 3/4 and 7\frac{3}{4}: the fraction is added.
_MIXED = re.compile(
    r"(?P<minus>-)?\s*(?P<whole>\d+)\s*(?:\\frac\s*(?:\{(?P<a>\d+)\}\s*\{(?P<b>\d+)\}|(?P<c>\d)\s*(?P<d>\d))|(?:\s|-|\sand\s)(?P<e>\d+)\s*/\s*(?P<f>\d+))"
)


class TooLarge(ValueError):
    """The number is too large to be computed."""


class NotANumber(ValueError):
    """The text is no number."""


def value_of(text: str) -> Fraction | None:
    """The value of a cleaned text; None if it is not made of numbers alone. Raises TooLarge."""
    if not re.search(r"\d", text):
        return None
    if len(text) > LONGEST:
        if re.fullmatch(r"[\d.,\s+-]+", text):
            raise TooLarge(f"the number has more than {LONGEST:,} characters")
        return None
    if (mixed := _MIXED.fullmatch(text)) is not None:
        return _mixed(mixed)
    try:
        return _Reader(text).read()
    except (NotANumber, ZeroDivisionError):
        return None


def _mixed(mixed: re.Match[str]) -> Fraction | None:
    top, bottom = (int(mixed[a] or mixed[b] or mixed[c]) for a, b, c in (("a", "c", "e"), ("b", "d", "f")))
    if not bottom:
        return None
    value = int(mixed["whole"]) + Fraction(top, bottom)
    return -value if mixed["minus"] else value


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
        if token is None or (expected and token not in expected):
            return None
        self._place += 1
        return token

    def _sum(self) -> Fraction:
        self._depth += 1
        if self._depth > MOST_DEPTH:
            raise TooLarge(f"it has more than {MOST_DEPTH} levels of brackets")
        value = self._product()
        while (sign := self._take("+", "-")) is not None:
            value += self._product() if sign == "+" else -self._product()
        self._depth -= 1
        return _bounded(value)

    def _product(self) -> Fraction:
        if (sign := self._take("+", "-")) is not None:
            return self._product() if sign == "+" else -self._product()
        value = self._power()
        while True:
            if self._take("\\cdot", "\\times", "*") is not None:
                value = _bounded(value * self._signed_power())
            elif self._take("/", "\\div") is not None:
                value = _bounded(value / self._signed_power())
            elif self._next in ("(", "\\frac"):
                value = _bounded(value * self._power())
            else:
                return value

    def _signed_power(self) -> Fraction:
        return -self._signed_power() if self._take("-") is not None else self._power()

    def _power(self) -> Fraction:
        base = self._atom()
        if self._take("^", "**") is None:
            return base
        exponent = self._argument() if self._next == "{" else self._signed_power()
        return power(base, exponent)

    def _atom(self) -> Fraction:
        token = self._take()
        if token is None:
            _refuse()
        if token == "(":
            value = self._sum()
            if self._take(")") is None:
                _refuse()
            return value
        if token == "{":
            self._place -= 1
            return self._argument()
        if token == "\\frac":
            top = self._argument()
            return _bounded(top / self._argument())
        if token[0].isdigit() or token[0] == ".":
            return number(token)
        _refuse()

    def _argument(self) -> Fraction:
        """A braced sum, or one digit, as TeX takes it."""
        if self._take("{") is not None:
            value = self._sum()
            if self._take("}") is None:
                _refuse()
            return value
        token = self._next
        if token is None or not token[0].isdigit():
            _refuse()
        if len(token) == 1:
            self._place += 1
        else:
            self._tokens[self._place] = token[1:]
        return Fraction(int(token[0]))


def number(token: str) -> Fraction:
    """One number as it is written: with thousands separators, decimals, or in scientific notation."""
    mantissa, _, exponent = token.lower().replace(",", "").rstrip(".").partition("e")
    whole, _, decimals = mantissa.partition(".")
    # int() refuses long texts, in each direction; the digits are no danger, only their conversion is slow.
    digits = whole + decimals
    if len(digits) > 4000:
        raise TooLarge(f"the number has {len(digits):,} digits")
    value = Fraction(int(digits), 10 ** len(decimals))
    return value * power(Fraction(10), Fraction(int(exponent))) if exponent else value


def power(base: Fraction, exponent: Fraction) -> Fraction:
    if exponent.denominator != 1:
        _refuse()
    bits = max(base.numerator.bit_length(), base.denominator.bit_length())
    if abs(base) != 1 and base and abs(exponent) * bits > LARGEST_BITS:
        raise TooLarge("it has a power that is too large to be computed")
    # 1, -1 and 0 stay small, whatever the exponent.
    return base ** int(exponent)


def _bounded(value: Fraction) -> Fraction:
    if max(value.numerator.bit_length(), value.denominator.bit_length()) > LARGEST_BITS:
        raise TooLarge("it is too large to be computed")
    return value


def _refuse() -> NoReturn:
    raise NotANumber("it is no number")
