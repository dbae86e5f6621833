r"""Answers in boxes: what a model puts into `\boxed{…}` or `\fbox{…}`.

Time and memory are linear in the text, whatever is in it: it comes from a model.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass

# A box, an escaped character, or a brace. Some models write a second backslash before a command.
_MARK = re.compile(r"\\{1,3}(?:boxed|fbox)(?![A-Za-z])|\\.|[{}]", re.DOTALL)
# What a box without braces holds: TeX takes one character, and models mean the whole number.
_UNBRACED = re.compile(r"\s*(-?\d+(?:[.,]\d+)*(?:\\?%)?|[A-Za-z](?![A-Za-z])|\\(?!boxed|fbox)[A-Za-z]+)")
# Between two boxes side by side: white space, dollar signs, spacing commands, commas, "and", "or".
_BESIDE = re.compile(
    r"(?:[\s$,;&~]|\\[,;:!() \[\]]|\\q?quad(?![A-Za-z])"
    r"|\\text\s*\{\s*(?:and|or)\s*,?\s*\}|(?<![A-Za-z])(?:and|or)(?![A-Za-z]))*+"
)
_MOST_BESIDE = 200  # characters
# What is left of a box that only talks about boxes: nothing, or dots.
_HOLLOW = re.compile(r"(?:[\s${}~.…]|\\[,;:! ]|\\(?:text|q?quad|phantom|[lc]?dots)(?![A-Za-z]))*+")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Box:
    """A complete box from `start` to before `end`; its content lies from `first` to before `last`."""

    start: int
    first: int
    last: int
    end: int


def extract_answer(text: str) -> str | None:
    """The content of the last complete box; None if there is none.

    Boxes side by side are one answer, its parts joined by commas. A box that is empty or holds only dots is passed
    over. Of boxes within a box the outermost counts, without the marks of the inner ones.
    """
    if "box" not in text:
        return None
    answers: list[str] = []
    last: _Box | None = None
    boxes, inner = _outermost(text)
    for box in boxes:
        content = _without(text, box, inner)
        if _HOLLOW.fullmatch(content):
            continue
        if last is None or not _are_beside(text, last, box):
            answers = []
        if content not in answers[-1:]:
            answers.append(content)
        last = box
    return ", ".join(answers) if answers else None


def closing_braces(text: str) -> dict[int, int]:
    r"""For the position of each open brace, that of the brace that closes it. `\{` and `\}` are text."""
    open_at: list[int] = []
    closing: dict[int, int] = {}
    for mark in _MARK.finditer(text):
        if mark[0] == "{":
            open_at.append(mark.start())
        elif mark[0] == "}" and open_at:
            closing[open_at.pop()] = mark.start()
    return closing


def _outermost(text: str) -> tuple[list[_Box], deque[_Box]]:
    """The complete boxes that lie in no other one, and those that lie in one, both in order."""
    closing = closing_braces(text)
    outer: list[_Box] = []
    inner: deque[_Box] = deque()
    for mark in _MARK.finditer(text):
        if not mark[0].endswith(("boxed", "fbox")):
            continue
        box = _box_at(text, mark.start(), mark.end(), closing)
        if box is not None:
            (inner if outer and box.start < outer[-1].end else outer).append(box)
    return outer, inner


def _box_at(text: str, start: int, after: int, closing: dict[int, int]) -> _Box | None:
    """The box whose command ends before `after`; None if it is not closed or holds nothing."""
    brace = after
    while brace < len(text) and text[brace].isspace():
        brace += 1
    if brace < len(text) and text[brace] == "{":
        end = closing.get(brace)
        return None if end is None else _Box(start=start, first=brace + 1, last=end, end=end + 1)
    content = _UNBRACED.match(text, after)
    if content is None:
        return None
    end = content.end()
    if content[1].startswith("\\"):
        # A command brings its arguments: \boxed\frac{1}{2}.
        while end < len(text) and text[end] == "{" and end in closing:
            end = closing[end] + 1
    return _Box(start=start, first=content.start(1), last=end, end=end)


def _without(text: str, box: _Box, inner: deque[_Box]) -> str:
    """The content of a box, without the marks of the boxes in it. `inner` are the inner boxes not yet met."""
    pieces, position = [], box.first
    cuts: list[tuple[int, int]] = []
    while inner and inner[0].start < box.end:
        within = inner.popleft()
        cuts += [(within.start, within.first), (within.last, within.end)]
    for start, end in sorted(cuts):
        pieces.append(text[position:start])
        position = end
    return "".join([*pieces, text[position : box.last]]).strip()


def _are_beside(text: str, left: _Box, right: _Box) -> bool:
    between = text[left.end : right.start]
    return len(between) <= _MOST_BESIDE and _BESIDE.fullmatch(between) is not None
