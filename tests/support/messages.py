"""Matches messages by the facts they name."""

from __future__ import annotations

import re


def naming(*facts: object) -> str:
    """A pattern of texts that hold each fact as a word or words of their own, in any order."""
    return "".join(rf"(?s:(?=.*(?<!\w){re.escape(str(fact))}(?!\w)))" for fact in facts)


def names(message: str, *facts: object) -> bool:
    return re.match(naming(*facts), message) is not None
