"""Grades the rows of a file, one after the other."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from specreason.boxes import extract_answer
from specreason.cli.dataset.reading import opened
from specreason.errors import InvalidField
from specreason.grading.bounded import BoundedGrader
from specreason.submission.columns import find, listed
from specreason.submission.datasets import Row, format_of, read_rows
from specreason.submission.gold import gold_of
from specreason.words import shown

IS_CORRECT = "is_correct"
NO_GOLD = "none: the row was left out"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """The verdict on one row. `answer` is None where the text has no box; `expected` is the row's own `is_correct`."""

    row: str
    gold: str
    answer: str | None
    is_correct: bool
    expected: bool | None
    layer: str
    why: str
    given_up: bool
    grader: str

    @property
    def disagrees(self) -> bool:
        """Whether the row says otherwise."""
        return self.expected is not None and self.expected is not self.is_correct

    @property
    def is_remarkable(self) -> bool:
        """Whether a person wants to see it: the row says otherwise, or says nothing and the answer is wrong."""
        return self.disagrees or (self.expected is None and not self.is_correct)


def judged_rows(
    path: str,
    written: str | None,
    columns: Mapping[str, str],
    grader: str | None,
    *,
    golds: Counter[str],
    on_remark: Callable[[str], None],
) -> Iterator[Judged]:
    """Grade each row that has a gold answer. `columns` names those of `gold`, `text` and `answer`.

    `golds` counts how gold answers were found, as ends of "the gold answer of 3 rows is …". `on_remark` gets sentences
    on how the file is read. Raises InvalidField for a file or a row that cannot be read.
    """
    form = format_of(path, written)
    with BoundedGrader(grader) as bounded, opened(path) as file:
        for row in _rows(path, read_rows(file, form, on_remark=on_remark)):
            gold, remark = _gold(row, columns["gold"])
            answer, expected = _answer(row, columns), _expected(row)
            if remark is not None:
                golds[remark] += 1
            if gold is None:
                continue
            grade = bounded.grade(answer, gold)
            yield Judged(
                row=row.where,
                gold=gold,
                answer=answer,
                is_correct=grade.is_correct,
                expected=expected,
                layer=grade.layer,
                why=grade.why,
                given_up=grade.given_up,
                grader=grade.grader,
            )


def _rows(path: str, rows: Iterator[Row]) -> Iterator[Row]:
    """The rows; an error of the whole file names it as the user did."""
    try:
        yield from rows
    except InvalidField as error:
        raise InvalidField(path if error.field == "file" else error.field, error.reason) from error


def _gold(row: Row, column: str) -> tuple[str | None, str | None]:
    """The gold answer, and how it was found if that is worth a remark."""
    found = find(row.values, column)
    if found is None:
        raise InvalidField(
            row.where, f"has no column '{column}'; say with --gold which it is; {listed(row.values)}"
        )
    try:
        gold = gold_of(found.value)
    except ValueError as error:
        raise InvalidField(f"{row.where}: {column}", str(error)) from None
    return gold.text, NO_GOLD if gold.text is None else gold.remark


def _answer(row: Row, columns: Mapping[str, str]) -> str | None:
    """The answer in the model's text, else the answer that the row has. An answer in a box is taken out of it."""
    found = find(row.values, columns["text"])
    has_text = found is not None
    if found is not None and not _is_missing(found.value):
        return extract_answer(_text(row, columns["text"], found.value))
    found = find(row.values, columns["answer"])
    if found is None and has_text:
        return None
    if found is None:
        names = f"'{columns['text']}' nor '{columns['answer']}'"
        raise InvalidField(
            row.where, f"has neither a column {names}; --text or --answer names one; {listed(row.values)}"
        )
    if _is_missing(found.value):
        return None
    if isinstance(found.value, list):
        try:
            return gold_of(found.value).text
        except ValueError as error:
            raise InvalidField(f"{row.where}: {columns['answer']}", str(error)) from None
    text = _text(row, columns["answer"], found.value)
    return extract_answer(text) or text


def _is_missing(value: Any) -> bool:
    """Whether a row has nothing there: null, an empty text, or NaN as pandas writes it."""
    return value is None or value == "" or (isinstance(value, float) and math.isnan(value))


def _text(row: Row, column: str, value: Any) -> str:
    if isinstance(value, dict | list):
        raise InvalidField(f"{row.where}: {column}", f"must be text, not {shown(value)}")
    return gold_of(value).text or "" if not isinstance(value, str) else value


def _expected(row: Row) -> bool | None:
    found = find(row.values, IS_CORRECT)
    if found is None or _is_missing(found.value):
        return None
    said = str(found.value).strip().lower().removesuffix(".0")
    if said not in ("true", "false", "1", "0"):
        raise InvalidField(f"{row.where}: {IS_CORRECT}", f"must be true or false, not {shown(found.value)}")
    return said in ("true", "1")
