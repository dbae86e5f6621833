r"""Answers of several parts: lists, sets, points, intervals, inequalities, assignments, `\pm`, matrices.

Parts are texts; how two of them compare is given by the caller.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from specreason.evaluation.cleaning import WORD

Same = Callable[[str, str], bool]
MOST_PARTS = 200

_OPEN, _CLOSE = "([{", ")]}"
_AND = re.compile(rf"(?:,\s*)?{WORD}?\s*(?<![A-Za-z\\])(?:and|or)(?![A-Za-z])\s*{WORD}?|[,;]")
_NAME = r"[A-Za-z](?:_\{?\w+\}?|'|\([A-Za-z]\))?|\\[A-Za-z]+"
_ASSIGNMENT = re.compile(
    rf"\s*{WORD}?\s*(?P<name>{_NAME})\s*(?:=|\\in(?![A-Za-z]))\s*(?P<value>[^=]+)", re.DOTALL
)
_RELATION = re.compile(r"\\le(?![A-Za-z])|\\ge(?![A-Za-z])|<|>")
_VARIABLE = re.compile(rf"\s*(?:{_NAME})\s*")
_INFINITY = re.compile(r"\s*([+-]?)\s*(?:\\infty|infinity|inf)\s*", re.IGNORECASE)
_UNION = re.compile(rf"\\cup(?![A-Za-z])|{WORD}?\s*\b(?:or|U)\b\s*{WORD}?")
_MATRIX = re.compile(r"\\begin\{([pbvBV]?matrix|array)\}(?:\{[a-z|]*\})?(.*?)\\end\{\1\}", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Several answers: `brackets` is "" for a bare list, "{}" for a set, "()" and "[]" for a point or vector."""

    items: tuple[str, ...]
    brackets: str = ""

    @property
    def ordered(self) -> bool:
        return self.brackets not in ("", "{}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """From `low` to `high`; an end is None where it is infinite, and then is not closed."""

    low: str | None
    high: str | None
    low_closed: bool
    high_closed: bool


def parts_of(text: str) -> Parts | None:
    """The parts of a cleaned text; None if it has one only."""
    inner, brackets = text.strip(), ""
    if inner.startswith("\\{") and inner.endswith("\\}"):
        inner, brackets = inner[2:-2], "{}"
    elif len(inner) > 1 and inner[0] + inner[-1] in ("()", "[]", "[)", "(]") and _encloses(inner):
        inner, brackets = inner[1:-1], inner[0] + inner[-1]
    items = [each for item in _split(inner, _AND) for each in _both_signs(item)]
    if brackets in ("()", "[]") and len(items) == 1:
        return None
    if len(items) < 2 and brackets != "{}":
        return None
    return Parts(items=tuple(items), brackets=brackets)


def named(text: str) -> tuple[str, str] | None:
    """The name and the value of `x = 5` or `x \\in S`; None if the text is no assignment."""
    found = _ASSIGNMENT.fullmatch(text)
    return None if found is None else (found["name"], found["value"].strip())


def intervals_of(text: str) -> tuple[Interval, ...] | None:
    """The intervals of a cleaned text, as intervals or as inequalities, united; None if it has none."""
    assigned = named(text)
    pieces = _UNION.split(text if assigned is None else assigned[1])
    if len(pieces) > MOST_PARTS:
        return None
    found = [_interval(piece.strip()) or _inequality(piece.strip()) for piece in pieces]
    return tuple(each for each in found if each is not None) if all(found) else None


def matrix_of(text: str) -> tuple[tuple[str, ...], ...] | None:
    """The rows of a matrix."""
    found = _MATRIX.fullmatch(text.strip())
    if found is None:
        return None
    rows = [row for row in re.split(r"\\\\(?:\[[^\]]*\])?", found[2]) if row.strip() not in ("", "\\hline")]
    return tuple(tuple(cell.strip() for cell in row.split("&")) for row in rows)


def same_parts(gold: Parts, answer: Parts, same: Same) -> bool:
    """Order counts where the gold answer is a point; a list and a set have none."""
    names = [[named(item) for item in parts.items] for parts in (gold, answer)]
    if all(all(each) for each in names):
        return _matched([_joined(each) for each in names[0]], [_joined(each) for each in names[1]], same)
    items = [
        [item if name is None else name[1] for item, name in zip(parts.items, of_parts, strict=True)]
        for parts, of_parts in zip((gold, answer), names, strict=True)
    ]
    if gold.brackets and answer.brackets and gold.brackets != answer.brackets:
        return False
    if len(items[0]) != len(items[1]) and not (gold.brackets == answer.brackets == "{}"):
        return False
    # Values without names stand in the order of the names, unless there is one name only.
    distinct = {each[0] for of_parts in names for each in of_parts if each is not None}
    if gold.ordered or len(distinct) > 1:
        return all(map(same, *items))
    return _matched(*items, same)


def same_intervals(gold: Sequence[Interval], answer: Sequence[Interval], same: Same) -> bool:
    def alike(one: Interval, other: Interval) -> bool:
        return (one.low_closed, one.high_closed) == (other.low_closed, other.high_closed) and all(
            (a is None) == (b is None) and (a is None or b is None or same(a, b))
            for a, b in ((one.low, other.low), (one.high, other.high))
        )

    return len(gold) == len(answer) and all(any(alike(one, other) for other in answer) for one in gold)


def same_matrices(gold: Sequence[Sequence[str]], answer: Sequence[Sequence[str]], same: Same) -> bool:
    return [len(row) for row in gold] == [len(row) for row in answer] and all(
        same(a, b) for one, other in zip(gold, answer, strict=True) for a, b in zip(one, other, strict=True)
    )


def _matched(gold: Sequence[str], answer: Sequence[str], same: Same) -> bool:
    """Whether each part of either side has a partner, each of them used once where the counts agree."""
    if len(gold) > MOST_PARTS or len(answer) > MOST_PARTS:
        return list(gold) == list(answer)
    if len(gold) != len(answer):
        return all(any(same(a, b) for b in answer) for a in gold) and all(
            any(same(a, b) for a in gold) for b in answer
        )
    left = list(answer)
    for each in gold:
        partner = next((place for place, other in enumerate(left) if same(each, other)), None)
        if partner is None:
            return False
        del left[partner]
    return True


def _joined(assignment: tuple[str, str] | None) -> str:
    return "" if assignment is None else f"{assignment[0]}={assignment[1]}"


def _split(text: str, separator: re.Pattern[str]) -> list[str]:
    """The pieces between separators that stand in no bracket."""
    depth, pieces, start, position = 0, [], 0, 0
    while position < len(text):
        if text[position] in _OPEN:
            depth += 1
        elif text[position] in _CLOSE:
            depth -= 1
        elif depth <= 0 and (found := separator.match(text, position)) is not None and found[0].strip():
            # A comma between digits groups them: the reading as a number comes before this one.
            pieces.append(text[start:position])
            start = position = found.end()
            continue
        position += 1
    pieces.append(text[start:])
    return [piece.strip() for piece in pieces if piece.replace(WORD, "").strip()]


def _both_signs(item: str) -> list[str]:
    """`a \\pm b` is two answers."""
    if item.count("\\pm") != 1:
        return [item]
    before, after = (each.strip() for each in item.split("\\pm"))
    name = _ASSIGNMENT.fullmatch(before + "0") if before.endswith("=") else None
    if name is not None:
        return [f"{before} {after}", f"{before} -{_grouped(after)}"]
    return [f"{before} + {after}" if before else after, f"{before} - {_grouped(after)}".strip()]


def _grouped(text: str) -> str:
    return f"({text})" if re.search(r"[+-]", text) else text


def _encloses(text: str) -> bool:
    """Whether the first bracket is closed by the last one."""
    depth = 0
    for position, each in enumerate(text):
        depth += (each in "([") - (each in ")]")
        if not depth:
            return position == len(text) - 1
    return False


def _interval(text: str) -> Interval | None:
    if len(text) < 5 or text[0] not in "([" or text[-1] not in ")]" or not _encloses(text):
        return None
    ends = _split(text[1:-1], re.compile("[,;]"))
    if len(ends) != 2:
        return None
    return _between(ends[0], ends[1], low_closed=text[0] == "[", high_closed=text[-1] == "]")


def _inequality(text: str) -> Interval | None:
    pieces, signs = _RELATION.split(text), _RELATION.findall(text)
    if len(signs) not in (1, 2) or len({sign.strip("\\")[0] in "l<" for sign in signs}) != 1:
        return None
    if signs[0].strip("\\")[0] in "g>":
        pieces, signs = pieces[::-1], signs[::-1]
    closed = [sign in ("\\le", "\\ge") for sign in signs]
    if len(signs) == 2:
        if not _VARIABLE.fullmatch(pieces[1]):
            return None
        return _between(pieces[0], pieces[2], low_closed=closed[0], high_closed=closed[1])
    if _VARIABLE.fullmatch(pieces[0]):
        return _between("-\\infty", pieces[1], low_closed=False, high_closed=closed[0])
    if _VARIABLE.fullmatch(pieces[1]):
        return _between(pieces[0], "\\infty", low_closed=closed[0], high_closed=False)
    return None


def _between(low: str, high: str, *, low_closed: bool, high_closed: bool) -> Interval:
    below, above = (_INFINITY.fullmatch(end) is not None for end in (low, high))
    return Interval(
        low=None if below else low.strip(),
        high=None if above else high.strip(),
        low_closed=low_closed and not below,
        high_closed=high_closed and not above,
    )
