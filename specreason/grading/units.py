r"""Units in one spelling: `cm^2` for square centimeters, `/h` for "per hour"."""

from __future__ import annotations

import re

from specreason.grading.cleaning import WORD

_ALIASES = {
    "mm": "millimeter millimeters millimetre millimetres", "cm": "centimeter centimeters centimetre centimetres",
    "m": "meter meters metre metres", "km": "kilometer kilometers kilometre kilometres", "in": "inch inches",
    "ft": "foot feet", "yd": "yard yards yds", "mi": "mile miles", "g": "gram grams", "mg": "milligram milligrams",
    "kg": "kilogram kilograms kgs", "lb": "pound pounds lbs", "oz": "ounce ounces", "s": "second seconds sec secs",
    "min": "minute minutes mins", "h": "hour hours hr hrs", "day": "days", "week": "weeks", "month": "months",
    "year": "years yr yrs", "l": "liter liters litre litres", "ml": "milliliter milliliters millilitre millilitres",
    "$": "usd dollar dollars", "€": "eur euro euros", "£": "gbp quid", "¢": "cent cents", "degree": "degrees deg",
    "rad": "radian radians", "n": "newton newtons", "j": "joule joules", "w": "watt watts", "kw": "kilowatt kilowatts",
    "v": "volt volts", "hz": "hertz", "pa": "pascal pascals", "c": "celsius", "f": "fahrenheit", "k": "kelvin kelvins",
    "person": "people persons", "child": "children", "man": "men", "woman": "women", "gal": "gallon gallons",
    "mol": "mole moles", "acre": "acres",
}  # fmt: skip
_UNIT_OF = {name: unit for unit, names in _ALIASES.items() for name in (unit, *names.split())}
_WHOLE = {"mph": "mi /h", "kph": "km /h", "kmh": "km /h", "kmph": "km /h", "rpm": "revolution /min"}
# Words that only say that there is a unit.
_ANY = frozenset({"unit", "units"})
_CURRENCIES = {
    "$": "$",
    "us$": "$",
    "usd": "$",
    "€": "€",
    "eur": "€",
    "£": "£",
    "gbp": "£",
    "¥": "¥",
    "₹": "₹",
}
# No unit begins with them; they join formulas, or several answers, or are part of a number.
_JOINING = (
    "and or to if is mod of when where with for not am pm than most least above below unless except wrong negative "
    "plus minus divided choose factorial squared cubed half halves third thirds fourth fourths fifth fifths "
    "tenth tenths hundred thousand million billion trillion dozen sin cos tan cot csc ln log exp gcd lcm"
)
_NO_UNIT = frozenset(_JOINING.split())

_REWRITE: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), by)
    for pattern, by in (
        (r"\bper\b", "/"),
        (r"\b(?:square|sq\.?)\s*([a-z]+)", r"\1^2"),
        (r"\b(?:cubic|cu\.?)\s*([a-z]+)", r"\1^3"),
        (r"\b([a-z]+)\s+squared\b", r"\1^2"),
        (r"\b([a-z]+)\s+cubed\b", r"\1^3"),
        (r"\b([a-z]{1,2}m|m|in|ft)([23])\b", r"\1^\2"),
        (r"\\(?:cdot|times)|\*|·", " "),
        (r"[{}\\.]", ""),
    )
)
_WORD = re.compile(r"([a-zµ¢€£$]+)\s*(?:\^(-?\d))?")
_UNIT = re.compile(r"(?:\s*/?\s*[a-zµ¢€£$]+\s*(?:\^-?\d)?)+\s*")
_LONGEST = 60  # characters


def currency_of(sign: str) -> str | None:
    """The unit of a currency's sign or code."""
    return _CURRENCIES.get(sign.strip().lower().removeprefix("\\"))


def unit_of(text: str) -> str | None:
    """The unit that a cleaned text names after a number, in one spelling; "" for one of any kind; None for none.

    A letter, or letters that are no known unit, name one only as text or, if there are three, apart from the number:
    in a formula they are variables.
    """
    was_text, apart = WORD in text, text[:1].isspace()
    plain = re.sub(r"\\degree\s*(?=[CFK]\b)?", "degree ", text.replace(WORD, " ")).strip()
    if len(plain) > _LONGEST:
        return None
    plain = " ".join(plain.lower().split())
    for pattern, by in _REWRITE:
        plain = pattern.sub(by, plain)
    if not _UNIT.fullmatch(plain):
        return None
    parts: list[str] = []
    for place, piece in enumerate(plain.split("/")):
        for name, exponent in _WORD.findall(piece):
            known = _WHOLE.get(name) or _UNIT_OF.get(name)
            if not known and len(name) == 1:
                return None
            if name in _NO_UNIT or not (
                was_text or parts or (known and len(name) > 1) or (apart and len(name) > 2)
            ):
                return None
            if name not in _ANY:
                parts.append(f"{'/' if place else ''}{known or _singular(name)}{exponent and '^' + exponent}")
    return " ".join(parts)


def _singular(name: str) -> str:
    return name.removesuffix("s") if len(name) > 3 else name
