r"""Multiple choice: the letter that an answer chooses, as `(C)`, `C.`, `C) 12` or `\textbf{(C)}\ 12`."""

from __future__ import annotations

import re

from specreason.evaluation.cleaning import WORD

_NAMED = rf"(?:the )?(?:(?:correct )?(?:answer|option|choice)(?: is)?:?\s*)?{WORD}?\s*"
_LETTER = re.compile(
    rf"{_NAMED}(?:\(\s*{WORD}?\s*(?P<bracketed>[A-Ja-j])\s*\)|\[(?P<square>[A-J])\]|(?P<plain>[A-J])(?:\s*[).:](?!\d)|(?={WORD}?\s*$)))"
    rf"\s*{WORD}?\s*[:.]?\s*(?P<text>.*)",
    re.DOTALL | re.IGNORECASE,
)


def choice_of(text: str) -> tuple[str, str] | None:
    """The letter in capitals, and the text after it; None if a cleaned text chooses none.

    A letter in a formula is a variable: `C_4`, `2C` and `C + 1` choose nothing. So is a small one without brackets.
    """
    found = _LETTER.fullmatch(text.strip())
    if found is None:
        return None
    letter = found["bracketed"] or found["square"] or found["plain"]
    if found["plain"] and letter.islower():
        return None
    rest = found["text"].strip()
    # (a + b)(c) and (x)^2 are formulas.
    if rest.startswith(("^", "_", "+", "-", "=", "/", "(", "*", "\\cdot", "\\times")):
        return None
    return letter.upper(), rest
