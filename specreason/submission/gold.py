r"""The gold answer in what a dataset has in its place: a number, a list, or a whole solution."""

from __future__ import annotations

import ast
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from specreason.boxes import extract_answer

# Text that says that there is no answer. "None" and "no solution" may be answers.
_NONE = frozenset({"", "nan", "null", "<na>", "n/a"})
_GSM8K = re.compile(r"^\s*####[ \t]*(\S.*?)\s*$", re.MULTILINE)
_LIST = re.compile(r"\s*\[\s*(?:['\"]|\[?\s*\]).*\]\s*$|\s*\[\s*[^\[\],]*\s*\]\s*$", re.DOTALL)

AFTER_HASHES = "the answer after #### is the gold answer"
LAST_BOX = "the last box of the solution is the gold answer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gold:
    """`text` is the gold answer, None for none. `remark` says where it was found, if not as it stands.

    Several answers are the JSON text of a list; all of them are wanted, in any order.
    """

    text: str | None
    remark: str | None = None


NONE = Gold(text=None)


def gold_of(value: Any) -> Gold:
    """Read the gold answer. Raises ValueError for an object, which holds no answer but fields that may."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return NONE
    if isinstance(value, bool):
        return Gold(text="true" if value else "false")
    if isinstance(value, int | float | Decimal):
        return Gold(text=str(value))
    if isinstance(value, Mapping):
        raise ValueError(
            f"must be an answer, not an object; name one of its fields ({', '.join(map(str, value))})"
        )
    if isinstance(value, list | tuple):
        return _of_list([gold_of(item) for item in value])
    return _of_text(str(value).strip())


def _of_list(items: list[Gold]) -> Gold:
    texts = [item.text for item in items if item.text is not None]
    if len(texts) < 2:
        return items[0] if texts and len(items) == 1 else Gold(text=texts[0] if texts else None)
    return Gold(text=json.dumps(texts, ensure_ascii=False))


def _of_text(text: str) -> Gold:
    if text.lower() in _NONE:
        return NONE
    if (listed := _listed(text)) is not None:
        return _of_list([_of_text(str(item).strip()) for item in listed])
    if hashes := _GSM8K.findall(text):
        return Gold(text=hashes[-1], remark=AFTER_HASHES)
    if "\\boxed" in text or "\\fbox" in text:
        boxed = extract_answer(text)
        if boxed is not None and boxed != text:
            return Gold(text=boxed, remark=LAST_BOX)
    return Gold(text=text)


def _listed(text: str) -> list[Any] | None:
    """The items of a list that a table has made text of; None for any other text.

    Items in quotes, or one item alone: `[0, 1]` and `[-2, 7)` are intervals.
    """
    if not _LIST.match(text) or len(text) > 20_000:
        return None
    for read in (json.loads, ast.literal_eval):
        try:
            found = read(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        return found if isinstance(found, list) else None
    return None
