r"""Multiple choice: the letter that an answer chooses, as `(C)`, `C.`, `C) 12` or `\textbf{(C)}\ 12`."""

from __future__ import annotations

import re

from specreason.grading.cleaning import WORD

_TALK = rf"{WORD}?\s*(?:the )?(?:correct )?(?:answer|option|choice)(?: is)?\s*:?\s*{WORD}?\s*"
_LETTER = re.compile(
    rf"(?:{_TALK})?{WORD}?\s*"
    rf"(?:\(\s*{WORD}?\s*(?P<round>[A-J])\s*\)|\[(?P<square>[A-J])\]|(?P<marked>[A-J])\s*[).:](?!\d)|(?P<alone>[A-J])$)"
    rf"\s*{WORD}?\s*[:.]?\s*(?P<text>.*)",
    re.DOTALL | re.IGNORECASE,
)
# What follows a letter where more letters are named, or where it is denied.
_MORE = re.compile(
    rf"(?:(?:[,;/&\s]|\\&|{WORD}|\\l(?:and|or)(?![A-Za-z])|and(?![A-Za-z])|or(?![A-Za-z]))*"
    r"(?:\(\s*[A-Ja-j]\s*\)|\[[A-Ja-j]\]|[A-J](?![A-Za-z])[).:]?))+\s*"
)
_DENIED = re.compile(rf"{WORD}?\s*is (?:wrong|incorrect|not|false)", re.IGNORECASE)
# What follows a bracket in a formula: (a + b)(c), (x)^2.
_FORMULA = ("^", "_", "+", "-", "=", "/", "(", "*", "!", "\\cdot", "\\times")


def choice_of(text: str) -> tuple[str, str] | None:
    """The letter in capitals, and the text after it; None if a cleaned text chooses none, or several.

    A letter in a formula is a variable: `C_4`, `2C` and `C + 1` choose nothing.
    """
    found = _LETTER.fullmatch(text.strip())
    if found is None:
        return None
    letter = found["round"] or found["square"] or found["marked"] or found["alone"]
    rest = found["text"].strip()
    if rest.startswith(_FORMULA) and not rest.lstrip("-").strip()[:1].isdigit():
        return None
    if _MORE.fullmatch(rest) or _DENIED.match(rest):
        return None
    return letter.upper(), rest
