r"""Finds the final answer in a text: what stands in its last `\boxed{…}` or `\fbox{…}`.

One pass over the text, whatever is in it: its cost grows with the length, not with the number of boxes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# A box command, any other command or escaped character, or a brace. An escaped brace is text.
_TOKEN = re.compile(r"\\(?P<box>boxed|fbox|framebox)(?![A-Za-z])\s*|\\(?:[A-Za-z]+|.)|[{}]", re.DOTALL)
# TeX needs no braces for one character; people also leave them out of a number.
_BARE = re.compile(r"[+-]?\d(?:[\d,]*\d)?(?:\.\d+)?|[A-Za-z](?![A-Za-z])")
# Between two boxes of one answer: a comma, a semicolon, "and" or "or", and nothing else but spaces and dollar signs.
_FILLER = r"(?:[ \t$~]|\n(?!\s*\n)|\\[ ,;:!()\[\]]|\\q?quad|\\text\s*\{\s*\}|[{}])*"
_SIDE_BY_SIDE = re.compile(
    rf"{_FILLER}(?:[,;]{_FILLER}(?:\\text\s*\{{\s*)?(?:(?:and|or)\b)?|(?:\\text\s*\{{\s*)?(?:and|or)\b|&){_FILLER}"
)
_LONGEST_GAP = 60
# What people write in a box when they speak of boxes.
_NOTHING = re.compile(r"(?:[\s~.…]|\\[ ,;:!]|\\[lc]?dots|\\text\s*\{\s*\}|\\q?quad)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Box:
    start: int
    end: int
    content: str


def extract_answer(text: str) -> str | None:
    """The content of the last box of `text` that is complete and not empty; None if there is none.

    Of boxes in each other the innermost counts. Boxes side by side, as in `\\boxed{2} and \\boxed{3}`, are one answer
    of several parts, separated by commas.
    """
    boxes = _boxes(text)
    if not boxes:
        return None
    together = [boxes[-1]]
    for box in reversed(boxes[:-1]):
        gap = text[box.end : together[-1].start]
        if len(gap) > _LONGEST_GAP or not _SIDE_BY_SIDE.fullmatch(gap):
            break
        together.append(box)
    # One answer said twice is one answer.
    parts = dict.fromkeys(box.content for box in reversed(together))
    return ", ".join(parts)


def _boxes(text: str) -> list[_Box]:
    """The innermost complete boxes, in order of their ends, without the empty ones."""
    found: list[_Box] = []
    # For each open brace: where its box command began (None if it is no box), and where its content begins.
    open_braces: list[tuple[int | None, int]] = []
    position = 0
    while (token := _TOKEN.search(text, position)) is not None:
        position = token.end()
        if token["box"]:
            if text.startswith("{", position):
                position += 1
                open_braces.append((token.start(), position))
            elif bare := _BARE.match(text, position):
                position = bare.end()
                found.append(_Box(start=token.start(), end=position, content=bare[0]))
        elif token[0] == "{":
            open_braces.append((None, position))
        elif token[0] == "}" and open_braces:
            start, begin = open_braces.pop()
            if start is None or (found and found[-1].start > start):
                continue
            content = text[begin : token.start()].strip()
            if not _NOTHING.fullmatch(content):
                found.append(_Box(start=start, end=position, content=content))
    return found
