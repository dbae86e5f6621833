"""What a search asks for, read from the words of a user: which texts contain it, and where. Pure; no SQL runs here.

All words must stand in one text. `"a phrase"` stands there as it is, with any white space between its words; `OR`
separates alternatives, and `-word` must not stand there. A word is found where no letter goes on before its first
letter or after its last one, and no digit beside its digits; `factor*` finds all that begin so. Other characters are
what they are: `\\frac{1}{2}` and `x^2` are found as they are written. The case of ASCII letters does not matter.
"""

from __future__ import annotations

import re
import string
from collections.abc import Sequence
from dataclasses import dataclass

from specreason.errors import InvalidField
from specreason.submission.text import storable

MOST_TERMS = 20
_TERM = re.compile(r'(?P<no>-?)"(?P<phrase>[^"]*)(?:"|$)|(?P<word>\S+)')
_LETTERS, _DIGITS = frozenset(string.ascii_letters), frozenset(string.digits)
# Characters of a snippet before its first hit, and in all.
BEFORE, LONGEST = 60, 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """A word or phrase. A text that has it matches `like` (ILIKE) and `pattern`, which Python and Postgres read alike.

    Both ignore the case of ASCII letters only.
    """

    like: str
    pattern: str
    is_excluded: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Alternatives: a text is found if all terms of one of them say so."""

    alternatives: tuple[tuple[Term, ...], ...]

    def hits(self, text: str) -> tuple[tuple[int, int], ...]:
        """Start and end of each place where a wanted term stands, in order; none lies in another."""
        wanted = [term.pattern for terms in self.alternatives for term in terms if not term.is_excluded]
        found = re.compile("|".join(f"(?:{pattern})" for pattern in wanted), re.ASCII | re.IGNORECASE)
        return tuple(match.span() for match in found.finditer(text))


@dataclass(frozen=True, slots=True, kw_only=True)
class Snippet:
    """A part of a text on one line around its first hit, and start and end of each hit in it."""

    text: str
    hits: tuple[tuple[int, int], ...]


def parse_query(words: str) -> Query:
    """Read the words of a search. Raises InvalidField if they ask for nothing, or for too much."""
    alternatives: list[list[Term]] = [[]]
    for found in _TERM.finditer(storable(words)):
        if found["word"] == "OR":
            alternatives.append([])
        elif (term := _term(found)) is not None:
            alternatives[-1].append(term)
    asked = [terms for terms in alternatives if terms]
    if not asked or any(all(term.is_excluded for term in terms) for terms in asked):
        raise InvalidField("q", "names no word to find, or only words that must not stand there")
    if sum(map(len, asked)) > MOST_TERMS:
        raise InvalidField(
            "q", f"has more than {MOST_TERMS} words; put them in quotes if they are one phrase"
        )
    return Query(alternatives=tuple(map(tuple, asked)))


def snippet_of(text: str, query: Query) -> Snippet:
    """The part of `text` around its first hit."""
    line = " ".join(text.split())
    hits = query.hits(line)
    first = hits[0][0] if hits else 0
    start = max(0, first - BEFORE)
    # A word that does not fit is left out, unless nothing else would be left of it.
    if start and (blank := line.find(" ", start, first)) >= 0:
        start = blank + 1
    end = min(len(line), max(start + LONGEST, hits[0][1] if hits else 0))
    if end < len(line) and (blank := line.rfind(" ", hits[0][1] if hits else start, end)) >= 0:
        end = blank
    before, after = "… " if start else "", " …" if end < len(line) else ""
    move = len(before) - start
    inside = tuple((low + move, high + move) for low, high in hits if high <= end)
    return Snippet(text=f"{before}{line[start:end]}{after}", hits=inside)


def _term(found: re.Match[str]) -> Term | None:
    """The term; None for empty quotes and a lonely sign."""
    if (word := found["word"]) is None:
        words, is_excluded, goes_on = found["phrase"].split(), bool(found["no"]), False
    else:
        is_excluded = word.startswith("-") and len(word) > 1
        word = word[1:] if is_excluded else word
        goes_on = word.endswith("*") and len(word) > 1 and word[-2] in _LETTERS
        words = [word.removesuffix("*") if goes_on else word]
    if not words:
        return None
    return Term(
        like=f"%{'%'.join(map(_for_like, words))}%",
        pattern=_pattern(words, goes_on=goes_on),
        is_excluded=is_excluded,
    )


def _pattern(words: Sequence[str], *, goes_on: bool) -> str:
    body = r"\s+".join(map(_for_regex, words))
    before = _kin(words[0][0])
    after = None if goes_on else _kin(words[-1][-1])
    return f"{f'(?<!{before})' if before else ''}{body}{f'(?!{after})' if after else ''}"


def _kin(character: str) -> str | None:
    """The characters that would make a longer word of one that begins or ends with `character`."""
    return "[A-Za-z]" if character in _LETTERS else "[0-9]" if character in _DIGITS else None


def _for_regex(word: str) -> str:
    """Both Python and Postgres take a backslash before a character of ASCII that is no letter or digit for that one."""
    return "".join(f"\\{each}" if each in string.punctuation else each for each in word)


def _for_like(word: str) -> str:
    return "".join(f"\\{each}" if each in "\\%_" else each for each in word)
