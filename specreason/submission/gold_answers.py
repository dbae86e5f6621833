"""New gold answers for the problems of a batch, out of a file of ids and answers or the same as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from specreason.errors import InvalidField
from specreason.submission.columns import choose_column, find, listed
from specreason.submission.datasets import Row
from specreason.submission.gold import gold_of
from specreason.submission.problem import id_of
from specreason.submission.text import check_text
from specreason.words import counted, shown

LONGEST_ANSWER = 20_000  # characters


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldAnswers:
    """Gold answers by id, a text, or by index, a number; or else one for each problem, in order.

    The id is a problem's own. That of a problem without one is its index.
    """

    by_name: Mapping[str | int, str] = field(default_factory=dict)
    in_order: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        return len(self.by_name) + len(self.in_order)


def gold_answers(rows: Iterable[Row], *, most: int) -> GoldAnswers:
    """Read the gold answers. Other columns count for nothing, so that a corrected dataset can be given whole.

    Raises InvalidField that names the row.
    """
    by_name: dict[str | int, str] = {}
    in_order: list[str] = []
    count = 0
    for count, row in enumerate(rows, start=1):
        if count > most:
            raise InvalidField("answers", f"has more than {counted(most, 'row')}")
        name, answer = _name(row), _answer(row)
        if (name is None) != (not by_name) and count > 1:
            raise InvalidField(f"{row.where}: id", "is missing, or every row must do without")
        if name is None:
            in_order.append(answer)
        elif name in by_name:
            raise InvalidField(f"{row.where}: id", f"{shown(name)} is there twice")
        else:
            by_name[name] = answer
    if not count:
        raise InvalidField("answers", "has none")
    return GoldAnswers(by_name=by_name, in_order=tuple(in_order))


def _answer(row: Row) -> str:
    field = f"{row.where}: answer"
    value = _value(row, "answer", required=True)
    try:
        gold = gold_of(value).text
        check_text(gold or "")
    except ValueError as error:
        raise InvalidField(field, str(error)) from None
    if gold is None:
        raise InvalidField(field, "is none; leave the row out, and the problem keeps the answer that it has")
    if len(gold) > LONGEST_ANSWER:
        raise InvalidField(field, f"is longer than {LONGEST_ANSWER:,} characters")
    return gold


def _name(row: Row) -> str | int | None:
    """The problem's id, read as a submission reads it, or its index."""
    value = id_of(_value(row, "id", required=False), f"{row.where}: ", "id")
    text = value.strip() if isinstance(value, str) else ""
    if text:
        return text
    index = row.values.get("index")
    # A table's column of that name is text, and may count the rows of another file.
    return index if isinstance(index, int) and not isinstance(index, bool) else None


def _value(row: Row, name: str, *, required: bool) -> Any:
    column = choose_column(name, row.values, None, lambda field: f"a column called {field}")
    found = find(row.values, column) if column else None
    if found is None and required:
        raise InvalidField(f"{row.where}: {name}", f"is missing; {listed(row.values)}")
    return None if found is None else found.value
