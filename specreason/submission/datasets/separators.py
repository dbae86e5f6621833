"""How the cells of a table are separated: by the signs in its header and its first row."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass

from specreason.submission.datasets.rows import LONGEST_ROW

SEPARATORS = (",", ";", "\t", "|")
# Excel's own first line, which is no row.
NAMED = re.compile(rb'"?sep=([^\r\n])"?[ \t]*(?:\r\n|\r|\n|$)', re.IGNORECASE)
FEWEST = 2  # cells in a row with separators


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """`has_spaces`: spaces stand after the separators and belong to no cell. `is_named`: the first line names it."""

    separator: str
    has_spaces: bool = False
    is_named: bool = False


def layout_of(head: bytes, expected: str | None = None) -> Layout | None:
    """The layout of the table that begins with `head`.

    Without an `expected` separator, None if nothing there looks like a table.
    """
    if named := NAMED.match(head):
        return _with_spaces(Layout(separator=chr(named[1][0]), is_named=True), head[named.end() :])
    others = [each for each in SEPARATORS if each != expected]
    for separator in [expected, *others] if expected else others:
        header, *rows = _first_rows(head, separator, skips_spaces=False)
        is_table = all(len(row) >= FEWEST for row in rows) and (rows or expected)
        if len(header) >= FEWEST and is_table:
            return _with_spaces(Layout(separator=separator), head)
    return None if expected is None else Layout(separator=expected)


def _with_spaces(layout: Layout, head: bytes) -> Layout:
    """Spaces belong to no cell if the header, or the first row, has one after each separator."""
    plain = _first_rows(head, layout.separator, skips_spaces=False)
    skipped = _first_rows(head, layout.separator, skips_spaces=True)
    for one, other in zip(plain, skipped, strict=False):
        # In quotes a space belongs to its cell.
        starts = [cell.startswith(" ") and cell not in other for cell in one[1:]]
        if starts and all(starts):
            return Layout(separator=layout.separator, has_spaces=True, is_named=layout.is_named)
    return layout


def _first_rows(head: bytes, separator: str, *, skips_spaces: bool) -> list[list[str]]:
    """The header and the first row, without blank rows; an empty header if there is none."""
    csv.field_size_limit(LONGEST_ROW)
    text = io.StringIO(head.decode("utf-8-sig", errors="replace"), newline="")
    rows: list[list[str]] = []
    try:
        for row in csv.reader(text, delimiter=separator, skipinitialspace=skips_spaces, strict=True):
            if any(cell.strip() for cell in row):
                rows.append(row)
            if len(rows) == FEWEST:
                break
    except csv.Error:
        pass
    return rows or [[]]
