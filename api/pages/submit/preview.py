"""The first rows of a file, the columns that are taken, and what is wrong with it, before anything is submitted.

It reads the beginning of the file only. The whole file is checked when it is submitted.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import BinaryIO

from specreason.errors import InvalidField
from specreason.submission.columns import FIELDS, find
from specreason.submission.datasets import Row, format_of, read_rows
from specreason.submission.intake import Intake, Skipped
from specreason.submission.jsonl import BLANK_PER_LINE

MOST_ROWS = 1000
SHOWN_ROWS, SHOWN_FAULTS = 5, 20
LONGEST = 300  # characters of a cell or line that are shown
_LINE = re.compile(r"line (\d{1,9})\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What is wrong with a row: its place, the column at fault or "", why, and the row's text as far as it is short."""

    where: str
    field: str
    reason: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What the beginning of a file says. `columns` has the column of each field, "" where the file has none.

    `num_problems` are the valid ones of the whole file; where it `is_cut`, by the share of the file that was read.
    """

    filename: str
    columns: Mapping[str, str]
    rows: tuple[Mapping[str, str], ...]
    num_problems: int
    num_with_answer: int
    num_read: int
    num_faulty: int
    is_cut: bool
    faults: tuple[Fault, ...]
    remarks: tuple[str, ...]


def look(
    content: BinaryIO, filename: str, columns: Mapping[str, str], *, num_bytes: int | None = None
) -> Preview:
    """Read the beginning of an open file. `num_bytes`: the size of the whole file, where `content` is its head alone.

    Raises InvalidField for a file that cannot be read at all.
    """
    skipped: list[Skipped] = []
    shown: list[Mapping[str, str]] = []
    is_cut, fault = False, None
    intake = Intake(columns, _input, on_skipped=skipped.append)
    rows = read_rows(
        content,
        format_of(filename, option="format"),
        on_bad=intake.on_bad,
        on_remark=intake.on_remark,
        most_blank=BLANK_PER_LINE * MOST_ROWS,
    )
    try:
        for row, _ in intake.problems(rows):
            if len(shown) < SHOWN_ROWS:
                shown.append(_cells(row, intake.mapping))
            if intake.num_rows >= MOST_ROWS:
                is_cut = True
                break
    except InvalidField as error:
        # The end of a head alone is no error of the file; nor is it told twice that each row is wrong.
        if not intake.num_problems and not skipped:
            raise
        fault = error if num_bytes is None and intake.num_problems else None
    place, size = content.tell(), content.seek(0, os.SEEK_END)
    num_read = min(place, size) if is_cut and place else size
    total = size if num_bytes is None else num_bytes
    faults = [_fault(content, each) for each in skipped[:SHOWN_FAULTS]]
    if fault is not None:
        faults.append(Fault(where=fault.field, field="", reason=fault.reason, text=line_text(content, fault)))
    return Preview(
        filename=filename,
        columns={field: intake.mapping.get(field, "") for field in FIELDS},
        rows=tuple(shown),
        num_problems=round(intake.num_problems * max(1.0, total / max(num_read, 1))),
        num_with_answer=intake.num_with_answer,
        num_read=intake.num_rows,
        num_faulty=len(skipped) + (fault is not None),
        is_cut=num_read < total,
        faults=tuple(faults),
        # The last one is on rows that were left out: here they are faults.
        remarks=intake.remarks()[: -1 if skipped else None] if intake.num_problems else (),
    )


def _input(field: str) -> str:
    """The input of the form with which a viewer chooses a column."""
    return f"'{field.capitalize()}' under 'Columns of other names'"


def line_text(content: BinaryIO, error: InvalidField) -> str:
    """The beginning of the line that an error names; "" where it names none."""
    return _line(content, error.field)


def _cells(row: Row, mapping: Mapping[str, str]) -> Mapping[str, str]:
    """What the row has for each field."""
    cells = {}
    for field in FIELDS:
        found = find(row.values, mapping[field]) if mapping.get(field) else None
        if found is not None and found.value is not None:
            value = found.value
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            cells[field] = _short(text)
    return cells


def _fault(content: BinaryIO, skipped: Skipped) -> Fault:
    text = _line(content, skipped.where)
    if not text and skipped.values is not None:
        text = _short(json.dumps(skipped.values, ensure_ascii=False, default=str))
    return Fault(where=skipped.where, field=skipped.field, reason=skipped.reason, text=text)


def _line(content: BinaryIO, where: str) -> str:
    found = _LINE.match(where)
    if found is None:
        return ""
    content.seek(0)
    line = next(islice(content, int(found[1]) - 1, None), b"")
    return _short(line[: 4 * LONGEST].decode(errors="replace").rstrip("\r\n"))


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
