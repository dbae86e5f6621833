r"""Numbers with what stands beside them: a unit, a currency, a percent sign, a base, the colons of a time or ratio."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from specreason.evaluation.arithmetic import value_of
from specreason.evaluation.cleaning import WORD

_ALIASES = {
    "mm": "millimeter millimeters millimetre millimetres", "cm": "centimeter centimeters centimetre centimetres",
    "m": "meter meters metre metres", "km": "kilometer kilometers kilometre kilometres", "in": "inch inches",
    "ft": "foot feet", "yd": "yard yards", "mi": "mile miles", "g": "gram grams", "mg": "milligram milligrams",
    "kg": "kilogram kilograms", "lb": "pound pounds lbs", "oz": "ounce ounces", "s": "second seconds sec secs",
    "min": "minute minutes mins", "h": "hour hours hr hrs", "day": "days", "week": "weeks", "month": "months",
    "year": "years yr yrs", "l": "liter liters litre litres", "ml": "milliliter milliliters millilitre millilitres",
    "$": "usd dollar dollars", "€": "eur euro euros", "£": "gbp", "¢": "cent cents", "degree": "degrees deg",
    "mph": "", "rad": "radian radians", "n": "newton newtons", "j": "joule joules", "w": "watt watts",
    "v": "volt volts", "hz": "hertz", "pa": "pascal pascals", "c": "celsius", "f": "fahrenheit", "k": "kelvin",
}  # fmt: skip
_UNIT_OF = {name: unit for unit, names in _ALIASES.items() for name in (unit, *names.split())}
# One letter is a unit only where it was text; in a formula it is a variable.
_KNOWN = frozenset(unit for unit in _UNIT_OF if len(unit) > 1)

_PREFIX = re.compile(r"^(?P<minus>-?)\s*(?P<sign>\\\$|[€£$]|(?:USD|US\\?\$|EUR|GBP)\s?)\s*")
_PERCENT = re.compile(rf"\s*{WORD}?\s*(?:\\?%|percent|per cent|pct)\s*$", re.IGNORECASE)
_ORDINAL = re.compile(rf"(?<=\d)\s*\^?\{{?\s*{WORD}?\s*(?:th|st|nd|rd)\s*\}}?$")
_UNIT = re.compile(
    rf"(?P<number>.*?[\d)}}])(?P<gap>\s*{WORD}?\s*)(?P<unit>(?:\\degree|[A-Za-zµ°¢€£]|\\\$)[A-Za-z\s./*{WORD}\^{{}}\d\\-]*)$",
    re.DOTALL,
)
_WORD_OF_UNIT = re.compile(rf"(\\degree|[A-Za-zµ°¢€£]+|\\\$)\s*{WORD}?\s*(?:\^\{{?(-?\d)\}}?)?")
_BASE = re.compile(rf"(?P<digits>[0-9A-Za-z]+)\s*_\s*(?:\{{\s*{WORD}?\s*(?P<long>\w+)\s*\}}|(?P<short>\d))")
_BASES = {"two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
          "twelve": 12, "sixteen": 16}  # fmt: skip
_COLONS = re.compile(rf"(\d+(?:\s*:\s*\d+)+)\s*{WORD}?\s*(?:(a|p)\.?\s*m\.?)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """A number; `unit` is "" where none is given, "%" for a percentage, whose `value` is the number before the sign."""

    value: Fraction
    unit: str = ""


def quantity_of(text: str) -> Quantity | None:
    """The quantity in a cleaned text; None if it is none. Raises TooLarge."""
    text = _ORDINAL.sub("", text.strip())
    unit = ""
    if (prefix := _PREFIX.match(text)) is not None:
        sign = prefix["sign"].strip().lower()
        unit = _UNIT_OF.get(sign, "$" if "$" in sign else sign)
        text = prefix["minus"] + text[prefix.end() :]
    if (percent := _PERCENT.search(text)) is not None:
        text, unit = text[: percent.start()], "%"
    elif (value := value_of(_plain(text))) is not None:
        return Quantity(value=value, unit=unit)
    elif (found := _UNIT.fullmatch(text)) is not None:
        named = _unit(found["unit"], was_text=WORD in found["gap"], apart=" " in found["gap"])
        if named is None or (unit and unit != named):
            return None
        text, unit = found["number"], named
    value = value_of(_plain(text))
    return None if value is None else Quantity(value=value, unit=unit)


def same_quantity(gold: Quantity, answer: Quantity) -> tuple[bool, str]:
    """Whether both are equal, and why. A unit or percent sign that one side leaves out makes no difference."""
    units = {gold.unit, answer.unit}
    if units == {"%", ""}:
        plain, percent = sorted((gold, answer), key=lambda each: each.unit)
        same = plain.value in (percent.value, percent.value / 100)
        return same, "the same percentage" if same else "another percentage"
    if "" not in units and len(units) > 1:
        return False, f"another unit: {answer.unit}, not {gold.unit}"
    if gold.value == answer.value:
        return True, "the same number" + ("" if len(units) == 1 else ", the unit left out")
    return False, "another number"


def digits_in_base(text: str) -> tuple[str, int] | None:
    """The digits and the base of a number such as `1203_4`; None if the text is none."""
    found = _BASE.fullmatch(text.replace(" ", "")) if "_" in text else None
    if found is None:
        return None
    name = (found["long"] or found["short"]).lower()
    base = _BASES.get(name) or (int(name) if name.isdigit() and len(name) < 3 else 0)
    if not 2 <= base <= 36:
        return None
    digits = found["digits"].upper().lstrip("0") or "0"
    return (digits, base) if all(int(each, 36) < base for each in digits) else None


def colons_of(text: str) -> tuple[tuple[int, ...], str] | None:
    """The numbers of a time or a ratio such as 9:30, and "a" or "p" of a time; None if the text is none."""
    found = _COLONS.fullmatch(text)
    if found is None or len(text) > 60:
        return None
    return tuple(map(int, found[1].split(":"))), (found[2] or "").lower()


def _plain(text: str) -> str:
    """Spaces may also separate thousands."""
    text = text.replace(WORD, "").strip()
    return text.replace(" ", "") if re.fullmatch(r"-?\d{1,3}(?: \d{3})+(?:\.\d+)?", text) else text


def _unit(text: str, *, was_text: bool, apart: bool) -> str | None:
    """The unit in one spelling; None if it may be a variable."""
    text = re.sub(r"[\\{}]*degree", "degree", text.replace(WORD, " "))
    text = re.sub(
        r"\bper\b",
        "/",
        re.sub(r"\bsq(?:uare|\.)?\s+(\w+)", r"\1^2", re.sub(r"\bcubic\s+(\w+)", r"\1^3", text)),
    )
    parts: list[str] = []
    for numerator, piece in enumerate(text.split("/")):
        for word in _WORD_OF_UNIT.finditer(piece):
            name = word[1].lower().lstrip("\\")
            known = _UNIT_OF.get(name)
            if (known is None or len(name) == 1) and not was_text and not (apart and len(name) > 2):
                return None
            parts.append(
                ("/" if numerator else "")
                + (known or name.removesuffix("s"))
                + (f"^{word[2]}" if word[2] else "")
            )
    return " ".join(parts) or None
