r"""Answers of several parts: lists, sets, points, `\pm`, matrices. How two parts compare is given by the caller."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from specreason.grading.arithmetic import TooLarge
from specreason.grading.cleaning import WORD, cleaned

Same = Callable[[str, str], bool]
MOST_PARTS = 60

OPEN, CLOSE = "([{", ")]}"
COMMAS = re.compile(r"[,;]")
_SEPARATOR = re.compile(
    rf"(?:[,;]\s*)?{WORD}?\s*(?<![A-Za-z\\])(?:and|or)(?![A-Za-z])\s*{WORD}?|[,;]|\\(?:text)?(?:land|lor)(?![A-Za-z])"
)
_MATRIX = re.compile(
    r"(\()?\s*\\begin\{([pbvBV]?(?:small)?matrix|array)\}(?:\{[a-z| ]*\})?(.*?)\\end\{\2\}\s*(\))?", re.DOTALL
)
_ROW_END = re.compile(r"\\\\(?:\[[^\]]*\])?")
_NOT_A_MATRIX = ("v", "V")  # determinants and norms


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Several answers: `brackets` is "" for a bare list, "{}" for a set, such as "()" for a point or vector."""

    items: tuple[str, ...]
    brackets: str = ""


def parts_of(text: str) -> Parts | None:
    """The parts of a cleaned text; None if it is one answer. A set has parts, even if it has one only."""
    inner, brackets = text.strip(), ""
    if inner.startswith("\\{") and inner.endswith("\\}") and encloses(inner):
        inner, brackets = inner[2:-2], "{}"
    elif len(inner) > 1 and inner[0] in "([" and inner[-1] in ")]" and encloses(inner):
        inner, brackets = inner[1:-1], inner[0] + inner[-1]
    items = [each for item in split(inner, _SEPARATOR) for each in _both_signs(item)]
    if len(items) < 2 and brackets != "{}":
        return None
    if len(items) > MOST_PARTS:
        raise TooLarge(f"it has {len(items):,} parts; at most {MOST_PARTS} are compared")
    return Parts(items=tuple(items), brackets=brackets)


def listed_parts(gold: str) -> Parts | None:
    """The gold answers of a JSON list of texts, as `gold_of` writes them; None for any other text."""
    try:
        listed = json.loads(gold) if gold.startswith("[") else None
    except (ValueError, RecursionError):
        return None
    if not listed or not all(isinstance(each, str) for each in listed):
        return None
    if len(listed) > MOST_PARTS:
        raise TooLarge(f"it has {len(listed):,} parts; at most {MOST_PARTS} are compared")
    return Parts(items=tuple(cleaned(each) for each in listed))


def same_parts(gold: Parts, answer: Parts, same: Same) -> bool:
    """A list has no order, nor has a set, which also counts each of its parts once. A point has one.

    A list without brackets stands for the point in its order, and for the set.
    """
    kinds = {gold.brackets, answer.brackets}
    if len(kinds) > 1 and kinds not in ({"", "()"}, {"", "{}"}):
        return False
    if kinds == {"{}"}:
        return _covers(gold.items, answer.items, same) and _covers(answer.items, gold.items, same)
    if len(gold.items) != len(answer.items):
        return False
    if kinds & {"()", "[]", "[)", "(]"}:
        return all(map(same, gold.items, answer.items))
    return _matched(gold.items, answer.items, same)


def matrix_of(text: str) -> tuple[tuple[str, ...], ...] | None:
    """The rows of a matrix; None if a cleaned text is none."""
    found = _MATRIX.fullmatch(text.strip())
    if found is None or found[2].startswith(_NOT_A_MATRIX) or "\\begin" in found[3]:
        return None
    rows = (row.replace("\\hline", "").strip() for row in _ROW_END.split(found[3]))
    return tuple(tuple(cell.strip() for cell in row.split("&")) for row in rows if row)


def same_matrices(gold: Sequence[Sequence[str]], answer: Sequence[Sequence[str]], same: Same) -> bool:
    """Entry by entry."""
    return [len(row) for row in gold] == [len(row) for row in answer] and all(
        same(a, b) for one, other in zip(gold, answer, strict=True) for a, b in zip(one, other, strict=True)
    )


def as_point(rows: Sequence[Sequence[str]]) -> Parts | None:
    """A matrix of one column or one row as a point; None for any other."""
    if len(rows) == 1 or all(len(row) == 1 for row in rows):
        return Parts(items=tuple(cell for row in rows for cell in row), brackets="()")
    return None


def split(text: str, separator: re.Pattern[str]) -> list[str]:
    """The pieces between separators that stand in no bracket, without the empty ones."""
    depth = start = position = 0
    pieces: list[str] = []
    while position < len(text):
        each = text[position]
        if each in OPEN:
            depth += 1
        elif each in CLOSE:
            depth -= 1
        elif depth <= 0 and (found := separator.match(text, position)) is not None and found[0].strip():
            pieces.append(text[start:position])
            start = position = found.end()
            continue
        elif each == "\\" and position + 1 < len(text) and text[position + 1].isalpha():
            position += 1
            while position + 1 < len(text) and text[position + 1].isalpha():
                position += 1
        position += 1
    pieces.append(text[start:])
    return [piece.strip() for piece in pieces if piece.replace(WORD, "").strip()]


def encloses(text: str) -> bool:
    """Whether the bracket that `text` begins with is closed by its last one."""
    depth = 0
    for position, each in enumerate(text):
        depth += (each in OPEN) - (each in CLOSE)
        if not depth and each in CLOSE:
            return position == len(text) - 1
    return False


def _both_signs(item: str) -> list[str]:
    r"""`a \pm b` is two answers."""
    if item.count("\\pm") != 1 or "\\mp" in item:
        return [item]
    before, after = (each.strip() for each in item.split("\\pm"))
    low = f"({after})" if re.search(r"[+-]", after) else after
    if not before or before.endswith(("=", "(", "{")):
        return [f"{before} {after}".strip(), f"{before} -{low}".strip()]
    return [f"{before} + {after}", f"{before} - {low}"]


def _covers(some: Sequence[str], others: Sequence[str], same: Same) -> bool:
    return all(any(same(each, other) for other in others) for each in some)


def _matched(gold: Sequence[str], answer: Sequence[str], same: Same) -> bool:
    """Whether each part has a partner of its own."""
    left = list(answer)
    for each in gold:
        partner = next((place for place, other in enumerate(left) if same(each, other)), None)
        if partner is None:
            return False
        del left[partner]
    return True
