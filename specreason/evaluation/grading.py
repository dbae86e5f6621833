"""Grading: the answer is extracted from `\\boxed{}` here, and math-verify decides whether it equals the gold answer.

math-verify limits its own time by SIGALRM, so call `is_correct` in the main thread of a process of its own
(`worker.grader`); elsewhere it can silently compare strings only.
"""

from __future__ import annotations

from importlib.metadata import version

from math_verify import parse, verify

GRADER = f"math-verify {version('math-verify')}"

_BOXED = "\\boxed{"


def extract_answer(text: str) -> str | None:
    """Content of the last complete `\\boxed{…}` in `text`, braces balanced; None if there is none."""
    start = text.rfind(_BOXED)
    while start != -1:
        depth = 0
        for position in range(start + len(_BOXED) - 1, len(text)):
            depth += {"{": 1, "}": -1}.get(text[position], 0)
            if depth == 0:
                return text[start + len(_BOXED) : position].strip()
        start = text.rfind(_BOXED, 0, start)
    return None


def is_correct(answer: str | None, gold: str) -> bool:
    """Whether `answer` equals `gold` as mathematics, or as text where neither is mathematics."""
    if answer is None:
        return False
    if answer.strip() == gold.strip():
        return True
    return bool(verify(parse(_as_latex(gold)), parse(_as_latex(answer))))


def _as_latex(text: str) -> str:
    return text if "$" in text or _BOXED in text else f"${text}$"
