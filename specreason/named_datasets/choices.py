"""Multiple choice: a question with four options becomes a problem whose gold answer is a letter.

The options are shuffled for each problem, so that no letter is right more often than another.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from specreason.errors import InputError

LETTERS = "ABCD"
RIGHT = "Correct Answer"
OPTIONS = (RIGHT, "Incorrect Answer 1", "Incorrect Answer 2", "Incorrect Answer 3")
QUESTION, RECORD = "Question", "Record ID"
# What is kept with the problem under the dataset's own names. Explanations are not: they would only make it longer.
KEPT = ("High-level domain", "Subdomain")
ASKED = "Exactly one of these options is right. Answer with its letter."


def lettered(row: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """The problem of a row with the columns of GPQA. Its `options_from` has the column of each letter, A first.

    The order depends on the seed and the row's id only, whatever other rows there are. Raises InputError for a row
    that lacks a column.
    """
    missing = [column for column in (QUESTION, RECORD, *OPTIONS) if not str(row.get(column) or "").strip()]
    if missing:
        raise InputError(f"a row has no '{missing[0]}', so this is not the file of GPQA")
    record = str(row[RECORD])
    order = sorted(OPTIONS, key=lambda column: hashlib.sha256(f"{seed} {record} {column}".encode()).digest())
    options = "\n".join(
        f"{letter}. {str(row[column]).strip()}" for letter, column in zip(LETTERS, order, strict=True)
    )
    return {
        "problem": f"{str(row[QUESTION]).strip()}\n\n{options}\n\n{ASKED}",
        "answer": LETTERS[order.index(RIGHT)],
        "id": record,
        "options_from": order,
        **{column: row[column] for column in KEPT if row.get(column)},
    }


def has_equal_options(row: Mapping[str, Any]) -> bool:
    """Whether two letters of the row's problem would say the same."""
    return len({str(row.get(column)).strip() for column in OPTIONS}) < len(OPTIONS)
