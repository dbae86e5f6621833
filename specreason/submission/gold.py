r"""The gold answer in what a dataset holds in its place: text, a number, a list, or a whole solution.

Text may also be what a table made of another value: `['84']` of a list, `1e-07` of a number.
"""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from specreason.boxes import extract_answer
from specreason.submission.text import storable

# Remarks: how a gold answer was found, as the end of "the gold answer of 3 problems is …".
AFTER_HASHES = "what follows #### in a solution"
LAST_BOX = "the last box of a solution"
SEVERAL = "a list: an answer must give all of it, in any order"
SAID_TO_BE_NONE = "none: the dataset says NaN, null, N/A or an empty list"
# Remarks on an answer that was cut out of a longer text.
OF_A_SOLUTION = (AFTER_HASHES, LAST_BOX)

# What programs write for a missing value, spelled as they do: "none" and "Na" may be answers.
_MISSING = frozenset({"NaN", "nan", "NAN", "null", "NULL", "None", "N/A", "n/a", "#N/A", "NA", "<NA>", "NaT"})
# GSM8K ends a solution with it. Four hashes also begin a heading, which more lines follow.
_HASHES = re.compile(r"(?<!#)####(?!#)")
_LONGEST_AFTER_HASHES = 200
_SCIENTIFIC = re.compile(r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)[eE][-+]?\d{1,3}", re.ASCII)
_LARGEST_EXPONENT = 400  # of a double it is 308
_NUMBER = r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d{1,3})?"
# A list as numpy prints it has no commas between its items.
_ARRAY = re.compile(r"(?:np\.|numpy\.)?array\((?P<list>\[.*\])(?:,\s*dtype=[^()\[\]]*)?\)", re.DOTALL)
_ITEM = re.compile(
    r"\s*(?:(?P<quoted>'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")"
    rf"|(?P<bare>None|null|nan|NaN|<NA>|[Tt]rue|[Ff]alse|{_NUMBER}))(?P<comma>\s*,)?\s*",
    re.DOTALL | re.ASCII,
)
_BRACKETS = {"[": "]", "(": ")", "{": "}"}
_ESCAPE = re.compile(r"\\(?:([\\'\"/])|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|x([0-9a-fA-F]{2}))")
# A text of such escapes alone. In any other one a backslash is TeX's, and stands for itself.
_ESCAPED = re.compile(rf"(?:[^\\]|{_ESCAPE.pattern})*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gold:
    """`text` is the gold answer; None: there is none. Several answers are the JSON text of a list.

    `remark` says how it was found, if that may not be what the user expects.
    """

    text: str | None
    remark: str | None = None


NONE = Gold(text=None)


def gold_of(value: object) -> Gold:
    """The gold answer in a JSON value, or in text that spells one. The gold answer of its text is itself.

    Raises ValueError for an object and for lists of several lists: the user has to say what in them is the answer.
    """
    if isinstance(value, Mapping):
        raise ValueError("must be text, a number or a list of these, not an object")
    if isinstance(value, Sequence) and not isinstance(value, str):
        return _of_items(value)
    if isinstance(value, bool):
        return Gold(text="true" if value else "false")
    if isinstance(value, int | float | Decimal):
        return Gold(text=number_text(value))
    return NONE if value is None else _of_text(str(value).strip())


def number_text(value: int | float | Decimal) -> str | None:
    """The digits of a number, without an exponent, and without decimals if it is whole; None for NaN and infinity."""
    if isinstance(value, int):
        return str(value)
    if not math.isfinite(value):
        return None
    # The shortest text that reads as the same float is the number that the user wrote.
    digits = f"{value if isinstance(value, Decimal) else Decimal(repr(value)):f}"
    if "." in digits:
        digits = digits.rstrip("0").rstrip(".")
    return "0" if digits == "-0" else digits


def _of_items(items: Sequence[object]) -> Gold:
    if len(items) == 1:
        return gold_of(items[0])
    if any(isinstance(item, Mapping) for item in items):
        raise ValueError("must be text, a number or a list of these, not a list of objects")
    if any(isinstance(item, Sequence) and not isinstance(item, str) and len(item) > 1 for item in items):
        raise ValueError("must be text, a number or a list of these, not a list of lists")
    found = [gold_of(item) for item in items]
    texts = list(dict.fromkeys(each.text for each in found if each.text is not None))
    if not texts:
        return Gold(text=None, remark=SAID_TO_BE_NONE)
    if len(texts) == 1:
        return next(each for each in found if each.text is not None)
    return Gold(text=json.dumps(texts, ensure_ascii=False), remark=SEVERAL)


def _of_text(text: str) -> Gold:
    if not text or text in _MISSING:
        return Gold(text=None, remark=SAID_TO_BE_NONE if text else None)
    if _SCIENTIFIC.fullmatch(text) and abs(int(re.split("[eE]", text)[1])) <= _LARGEST_EXPONENT:
        return Gold(text=number_text(Decimal(text)))
    if (items := _spelled_list(text)) is not None:
        return _of_items(items)
    return _of_solution(text)


def _of_solution(text: str) -> Gold:
    if (last := _after_hashes(text)) is not None:
        return Gold(text=_boxed(last) or last, remark=AFTER_HASHES)
    if (boxed := _boxed(text)) is not None:
        return Gold(text=boxed, remark=LAST_BOX)
    return Gold(text=text)


def _boxed(text: str) -> str | None:
    return extract_answer(text) if "\\boxed" in text or "\\fbox" in text else None


def _after_hashes(text: str) -> str | None:
    """What follows the last #### up to the end of the text, if that is one short line."""
    *_, rest = _HASHES.split(text)
    last = rest.strip()
    if len(rest) == len(text) or not last or "\n" in last or len(last) > _LONGEST_AFTER_HASHES:
        return None
    return last


def _spelled_list(text: str) -> list[str] | None:
    """The items of a list that a table made text of; None for any other text.

    A list has items in quotes, or is one number in square brackets. `[0, 1]` and `(3, -4)` may be an interval or a
    point, and stay as they are.
    """
    if (array := _ARRAY.fullmatch(text)) is not None:
        text = array["list"]
    if len(text) < 2 or _BRACKETS.get(text[0]) != text[-1]:
        return None
    inner = text[1:-1].strip()
    items: list[str] = []
    num_quoted = position = 0
    while position < len(inner):
        item = _ITEM.match(inner, position)
        if item is None:
            return None
        position = item.end()
        num_quoted += item["quoted"] is not None
        items.append(_unquoted(item["quoted"]) if item["quoted"] else item["bare"])
    if num_quoted or (text[0] == "[" and len(items) <= 1):
        return items
    return None


def _unquoted(quoted: str) -> str:
    """The text in quotes. Backslashes count as JSON and Python write them, or else as TeX."""
    inner = quoted[1:-1]
    if not _ESCAPED.fullmatch(inner):
        return inner.replace(f"\\{quoted[0]}", quoted[0])
    return storable(_ESCAPE.sub(_unescaped, inner))


def _unescaped(escape: re.Match[str]) -> str:
    same, *codes = escape.groups()
    code = next(filter(None, codes), "")
    return same or (chr(int(code, 16)) if int(code, 16) <= sys.maxunicode else escape[0])
