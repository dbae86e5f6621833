"""Texts of models in pieces: what is maths, and where a draft and the text in its place differ.

A piece is plain text. The page's script typesets those with maths; without it they stand as the model wrote them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import groupby

# No alternative reads past the next opening mark of its kind, so that a text full of them is still read in one go. As
# in Pandoc, a `$` before a space or behind one is no mark, nor one before a digit: "$5 and $7" is no maths.
_MATHS = (
    r"\$\$[^$]{1,2000}\$\$"
    r"|\\\[(?:(?!\\[\[\]]).){1,2000}\\\]"
    r"|\\\((?:(?!\\[()]).){1,2000}\\\)"
    r"|(?<!\\)\$(?=[^\s$])(?:\\.|[^$\\\n]){1,500}(?<!\s)\$(?!\d)"
    r"|\\boxed\{(?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\}){0,500}\}"
)
_MATHS_OR_NOT = re.compile(f"({_MATHS})", re.DOTALL)
_WORD = re.compile(rf"(?P<maths>{_MATHS})\s*|(?:\w+|.)\s*", re.DOTALL)
# Texts of more words that differ are not compared word by word: the time grows with the product.
MOST_WORDS = 150
# With a smaller share of common words, marks would be confetti.
LEAST_ALIKE = 0.4


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a text. `is_marked`: the other version has something else here."""

    text: str
    is_maths: bool = False
    is_marked: bool = False


def pieces(text: str) -> tuple[Piece, ...]:
    """The text in pieces, none of them empty."""
    parts = _MATHS_OR_NOT.split(text)
    return tuple(Piece(part, is_maths=number % 2 == 1) for number, part in enumerate(parts) if part)


def compared(draft: str, written: str) -> tuple[tuple[Piece, ...], tuple[Piece, ...]]:
    """Both texts in pieces, with marks where they differ; without marks if they are too long or too unlike."""
    ours, theirs = _words(draft), _words(written)
    mine, yours = [word.strip() for word, _ in ours], [word.strip() for word, _ in theirs]
    start = _common(mine, yours)
    end = _common(mine[start:][::-1], yours[start:][::-1])
    left, right = mine[start : len(mine) - end], yours[start : len(yours) - end]
    if max(len(left), len(right)) > MOST_WORDS:
        return pieces(draft), pieces(written)
    blocks = SequenceMatcher(None, left, right, autojunk=False).get_matching_blocks()
    num_common = start + end + sum(block.size for block in blocks)
    if num_common < LEAST_ALIKE * max(len(mine), len(yours), 1):
        return pieces(draft), pieces(written)
    in_left = {block.a + i for block in blocks for i in range(block.size)}
    in_right = {block.b + i for block in blocks for i in range(block.size)}
    return (
        _joined(ours, marked=(start + i for i in range(len(left)) if i not in in_left)),
        _joined(theirs, marked=(start + i for i in range(len(right)) if i not in in_right)),
    )


def clipped(text: str, room: int) -> tuple[str, int]:
    """The beginning of a text of at most `room` characters, and how many are left out."""
    return (text, 0) if len(text) <= room else (text[:room], len(text) - room)


def _words(text: str) -> list[tuple[str, bool]]:
    """Each word, mark or formula with the white space behind it, and whether it is a formula."""
    return [(found[0], found["maths"] is not None) for found in _WORD.finditer(text)]


def _common(left: Sequence[str], right: Sequence[str]) -> int:
    """How many words both begin with."""
    pairs = enumerate(zip(left, right, strict=False))
    return next((i for i, (a, b) in pairs if a != b), min(len(left), len(right)))


def _joined(words: Sequence[tuple[str, bool]], marked: Iterable[int]) -> tuple[Piece, ...]:
    """The words as pieces; neighbours of one kind make one piece, but each formula has its own."""
    are_marked = frozenset(marked)
    kinds = (
        (Piece(text, is_maths, i in are_marked), i if is_maths else -1)
        for i, (text, is_maths) in enumerate(words)
    )
    grouped = groupby(kinds, key=lambda each: (each[0].is_maths, each[0].is_marked, each[1]))
    joined = (
        Piece("".join(piece.text for piece, _ in group), is_maths, is_marked)
        for (is_maths, is_marked, _), group in grouped
    )
    return tuple(part for piece in joined for part in _trimmed(piece))


def _trimmed(piece: Piece) -> tuple[Piece, ...]:
    """The piece and the white space behind it, which is neither maths nor marked."""
    text = piece.text.rstrip() if piece.is_maths or piece.is_marked else piece.text
    parts = (Piece(text, piece.is_maths, piece.is_marked), Piece(piece.text[len(text) :]))
    return tuple(part for part in parts if part.text)
