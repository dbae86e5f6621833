r"""Numbers with what stands beside them: a unit, a currency, a percent sign, a base, the colons of a time or ratio."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from specreason.grading.arithmetic import value_of
from specreason.grading.cleaning import WORD
from specreason.grading.units import currency_of, unit_of

PERCENT = "%"

_PREFIX = re.compile(r"(?P<minus>-?)\s*(?P<sign>\\\$|[€£¥₹]|(?:US\s?\\?\$|USD|EUR|GBP)\s?)\s*(?=[-\d.\\])")
_SUFFIX = re.compile(rf"(?:\\%|{WORD}?\s*(?:\\%|percent|per ?cent|pct)(?![A-Za-z]))[\s.]*$", re.IGNORECASE)
_ORDINAL = re.compile(rf"(?<=\d)\s*\^?\{{?\s*{WORD}?\s*(?:th|st|nd|rd)\s*\}}?$")
_START_OF_UNIT = re.compile(rf"\s*(?:{WORD}|\\degree|\\\$|[A-Za-zµ¢€£])")
_PARTED = re.compile(r"-?\d{1,3}(?: \d{3})+(?:\.\d+)?")
_BASE = re.compile(
    rf"{WORD}?\s*(?P<digits>[0-9A-Za-z]+)\s*_\s*(?:\{{\s*{WORD}?\s*(?P<long>\w+)\s*\}}|{WORD}?\s*(?P<short>\d))"
)
_PREFIXED = re.compile(r"(?P<minus>-?)\s*0(?P<prefix>[xXoObB])(?P<digits>[0-9A-Fa-f]+)")
_PREFIXES = {"x": 16, "o": 8, "b": 2}
_BASES = {"two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
          "eleven": 11, "twelve": 12, "sixteen": 16}  # fmt: skip
_COLONS = re.compile(
    rf"(\d{{1,18}}(?:\s*(?::|to)\s*\d{{1,18}})+)\s*{WORD}?\s*(?:(a|p)\.?\s*m\.?|o'?clock)?", re.IGNORECASE
)
_MAGNITUDES = {
    "dozen": 12,
    "hundred": 100,
    "thousand": 10**3,
    "million": 10**6,
    "billion": 10**9,
    "trillion": 10**12,
}
_MAGNITUDE = re.compile(rf"\s*{WORD}?\s*({'|'.join(_MAGNITUDES)})(?![A-Za-z])", re.IGNORECASE)
_LONGEST = 80  # characters
_WORDS = {
    word: number
    for number, word in enumerate(
        [
            "zero",
            "one",
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
        ]
    )
}
_COMMANDS = re.compile(r"\\[A-Za-z]+")
_AFTER_FORMULA = re.compile(rf"\s*{WORD}|\s[A-Za-z]{{2}}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """A number; `unit` is "" where none is given, "%" for a percentage, whose `value` is the number before the sign."""

    value: Fraction
    unit: str = ""


def quantity_of(text: str, *, unit_wanted: str = "") -> Quantity | None:
    """The quantity in a cleaned text; None if it is none. Raises TooLarge.

    A letter that may be a variable, as in `5 m`, is a unit if it is `unit_wanted`.
    """
    bare = text.strip().removeprefix(WORD).strip()
    mark = WORD if bare != text.strip() else ""
    text = _ORDINAL.sub("", bare)
    unit = ""
    if (prefix := _PREFIX.match(text)) is not None:
        unit = currency_of(prefix["sign"]) or ""
        text = prefix["minus"] + text[prefix.end() :]
    if (percent := _SUFFIX.search(text)) is not None:
        text, unit = text[: percent.start()], PERCENT
    if (word := _WORDS.get(text.lower())) is not None:
        return Quantity(value=Fraction(word), unit=unit)
    value = value_of(_plain(text))
    if value is not None:
        return Quantity(value=value, unit=unit)
    start = _start_of_unit(text)
    if start is None or unit == PERCENT:
        return None
    scale, end = _magnitude(text, start)
    after = (WORD if WORD in text[start:end] else "") + text[end:]
    named = unit_of(mark + after) if after.replace(WORD, "").strip() else ""
    if named is None and unit_wanted and unit_of(WORD + after) == unit_wanted:
        named = unit_wanted
    # $18 per day is $18.
    if named is None or (unit and named not in ("", unit) and not named.startswith("/")):
        return None
    value = value_of(_plain(text[:start]))
    return None if value is None else Quantity(value=value * scale, unit=unit or named)


def measured(text: str) -> tuple[str, str]:
    """A formula, and the unit after it: `16\\pi`, `cm^2`. The unit is "" if there is none."""
    found = _AFTER_FORMULA.search(_COMMANDS.sub(lambda command: "\\" * len(command[0]), text))
    start = found.start() if found is not None else 0
    unit = unit_of(text[start:]) if start else None
    return (text, "") if unit is None else (text[:start].strip(), unit)


def same_quantity(gold: Quantity, answer: Quantity) -> tuple[bool, str]:
    """Whether both are equal, and why. A unit or percent sign that one side leaves out makes no difference."""
    units = {gold.unit, answer.unit}
    if units == {PERCENT, ""}:
        plain, percent = sorted((gold, answer), key=lambda each: each.unit)
        same = plain.value == percent.value / 100 or (abs(plain.value) >= 1 and plain.value == percent.value)
        return same, "the same percentage" if same else "another percentage"
    if "" not in units and len(units) > 1:
        return False, f"another unit: {answer.unit}, not {gold.unit}"
    if gold.value == answer.value:
        return True, "the same number" + ("" if len(units) == 1 else ", the unit left out")
    return False, "another number"


def digits_in_base(text: str) -> tuple[str, int] | None:
    """The digits and the base of a number such as `1203_4` or `-0x1f`; None if the text is none."""
    prefixed = _PREFIXED.fullmatch(text.strip()) if len(text) <= _LONGEST else None
    if prefixed is not None:
        base = _PREFIXES[prefixed["prefix"].lower()]
        digits = bare_digits(prefixed["digits"])
        return (prefixed["minus"] + digits, base) if _are_of_base(digits, base) else None
    found = _BASE.fullmatch(text) if "_" in text and len(text) <= _LONGEST else None
    if found is None:
        return None
    name = (found["long"] or found["short"]).lower()
    base = _BASES.get(name) or (int(name) if name.isdecimal() and len(name) < 3 else 0)
    if not 2 <= base <= 36:
        return None
    digits = bare_digits(found["digits"])
    return (digits, base) if _are_of_base(digits, base) else None


def _are_of_base(digits: str, base: int) -> bool:
    return all(each.isascii() and int(each, 36) < base for each in digits)


def bare_digits(text: str) -> str:
    """The digits of a number in some base, for comparison."""
    return text.replace(WORD, "").strip().upper().lstrip("0") or "0"


def colons_of(text: str) -> tuple[tuple[int, ...], str] | None:
    """The numbers of a time or a ratio such as 9:30, and "a" or "p" of a time; None if the text is none."""
    found = _COLONS.fullmatch(text.replace(WORD, " ").strip()) if len(text) <= _LONGEST else None
    if found is None:
        return None
    return tuple(map(int, re.split(":|to", found[1]))), (found[2] or "").lower()


def _start_of_unit(text: str) -> int | None:
    """Where the first letter stands that belongs to no command of a number; None if there is none."""
    position = 0
    while position < len(text):
        if _START_OF_UNIT.match(text, position):
            return position if position else None
        if text[position] == "\\":
            position += 1
            while position < len(text) and text[position].isalpha():
                position += 1
        else:
            position += 1
    return None


def _magnitude(text: str, start: int) -> tuple[int, int]:
    """What the words from `start` on multiply a number by, 10^6 for "million", and where they end."""
    scale = 1
    while (found := _MAGNITUDE.match(text, start)) is not None:
        scale, start = scale * _MAGNITUDES[found[1].lower()], found.end()
    return scale, start


def _plain(text: str) -> str:
    """Spaces may also separate thousands."""
    text = text.replace(WORD, "").strip()
    return text.replace(" ", "") if _PARTED.fullmatch(text) else text
