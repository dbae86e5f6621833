"""Decides whether an answer equals the gold answer, in layers: the first one that can decide does, and says so.

text       the same text, without decoration; words without case
choice     the letter of a multiple choice
time       a time or a ratio: the same numbers between the colons
base       a number in a base: the same digits and base
matrix     entry by entry
interval   intervals and inequalities, end by end
number     the same number, exactly, with its unit, currency or percent sign
row        numbers with only white space between them: the same ones, each at its place
list       several answers, all of them; a set; a point in its order
equation   what an equation assigns to a name
formula    sympy, on what math-verify's parser reads
too large  no layer computes it; the answer counts as wrong

A verdict may take long or much memory for a text made for that: `bounded` sets the limits.
docs/grading.md gives the verdicts where people differ.
"""

from __future__ import annotations

from importlib.metadata import version

from specreason.grading.arithmetic import TooLarge
from specreason.grading.cleaning import cleaned, folded, has_words
from specreason.grading.formulas import same_formula
from specreason.grading.layers import LAYERS, choice, compared_lists, verdict
from specreason.grading.parts import listed_parts, parts_of
from specreason.grading.verdict import TOO_LARGE, Verdict
from specreason.submission.gold import gold_of

# The layers' own version rises with each change of a verdict.
GRADER = f"layers 3, math-verify {version('math-verify')}"
LONGEST = 10_000  # characters
_MOST_DEPTH = 5  # of parts in parts


def grade(answer: str | None, gold: str) -> Verdict:
    """Compare an extracted answer with the gold answer, which may also be a whole solution (`####`, a last box)."""
    if answer is None:
        return verdict(False, "text", "there is no answer")
    wanted = gold_of(gold).text or gold
    if answer.strip() == wanted.strip():
        return verdict(True, "text", "the same text")
    if max(len(answer), len(wanted)) > LONGEST:
        return verdict(False, TOO_LARGE, f"given up: more than {LONGEST:,} characters")
    try:
        several = listed_parts(wanted)
        if several is None:
            return _compare(cleaned(wanted), cleaned(answer), 0)
        given = gold_of(answer).text or answer
        listed = listed_parts(given) or parts_of(cleaned(given))
        return compared_lists(several, listed, lambda one, other: _compare(one, other, 1))
    except TooLarge as error:
        return verdict(False, TOO_LARGE, f"given up: {error}")


def _compare(gold: str, answer: str, depth: int) -> Verdict:
    """The verdict on cleaned texts; `depth` counts the answers of which they are parts. Raises TooLarge."""
    if depth > _MOST_DEPTH:
        raise TooLarge(f"it has more than {_MOST_DEPTH} levels of parts in parts")
    if folded(gold) == folded(answer):
        return verdict(True, "text", "the same text without decoration")
    for layer in LAYERS if depth else (choice, *LAYERS):
        found = layer(gold, answer, lambda one, other: _compare(one, other, depth + 1))
        if found is not None:
            return found
    if has_words(gold) or has_words(answer):
        return verdict(False, "text", "another text")
    same = same_formula(gold, answer)
    if same is None:
        return verdict(False, "text", "another text, not mathematics")
    return verdict(same, "formula", f"{'equal' if same else 'not equal'} as mathematics")
