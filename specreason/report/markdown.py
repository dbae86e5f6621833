"""The report as one Markdown file that GitHub shows: every text of the report is escaped, our own marks are not."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from specreason.evaluation.report.values import Figure, Report
from specreason.report.captions import CELL_HEADINGS, READ_AS_TABLE, caption, cell_row, written
from specreason.report.drawing.draw import is_drawn
from specreason.visible import on_one_line

# What begins a mark, a link, a formula or an address somewhere in a line (GitHub Flavored Markdown).
_MARKS = re.compile(r"([\\`*_{}\[\]<>#|~$@!&^])")
# What begins a list or a heading only at the start of a line; and addresses that GitHub would link.
_AT_THE_START = re.compile(r"^([-+=:])|^(\d+)([.)])")
_ADDRESS = re.compile(r"(https?|ftp|mailto|xmpp)(:)|(www)(\.)", re.IGNORECASE)


def to_markdown(report: Report) -> str:
    """The whole file. Its links are relative to the report's folder."""
    return "\n".join([*_lines(report), ""])


def escaped(text: str) -> str:
    """A text on one line, so that Markdown shows it as it is: no mark, no HTML, no link, no formula."""
    return _AT_THE_START.sub(
        lambda found: f"\\{found[1]}" if found[1] else f"{found[2]}\\{found[3]}", within(text)
    )


def within(text: str) -> str:
    """The same for a text that begins no line."""
    line = _MARKS.sub(r"\\\1", on_one_line(text))
    return _ADDRESS.sub(lambda found: "\\".join(part for part in found.groups() if part), line)


def _lines(report: Report) -> Iterator[str]:
    yield f"# {escaped(report.title)}"
    yield ""
    yield escaped(report.says)
    for remark in report.remarks:
        yield ""
        yield f"> {escaped(remark)}"
    yield ""
    yield "## Cells"
    yield ""
    yield from _table(CELL_HEADINGS, [cell_row(place, cell) for place, cell in enumerate(report.cells, 1)])
    for figure in report.figures:
        yield ""
        yield from _figure(figure)
    if report.left_out:
        yield ""
        yield "## Left out"
        yield ""
        for each in report.left_out:
            yield f"- **{escaped(each.title)}**: {escaped(each.reason)}"
    yield ""
    yield "[All configurations](configuration.json) · [the whole report as JSON](report.json)"


def _figure(figure: Figure) -> Iterator[str]:
    yield f"## {escaped(caption(figure))}"
    yield ""
    yield escaped(figure.says)
    if is_drawn(figure):
        yield ""
        yield f"![{escaped(figure.says)}](figures/{figure.name}.svg)"
    yield ""
    yield f"*How to read it.* {escaped(figure.reading)}"
    for remark in figure.remarks:
        yield ""
        yield f"> {escaped(remark)}"
    if (chosen := READ_AS_TABLE.get(figure.name)) is not None or not is_drawn(figure):
        columns = [name for name in chosen or figure.columns if name in figure.columns]
        rows = [[written(row[name]) for name in columns] for row in figure.dicts()]
        yield ""
        yield from _table([name.replace("_", " ") for name in columns], rows)
    yield ""
    yield f"[Figures behind it](figures/{figure.name}.csv) · [the SQL](figures/{figure.name}.sql)"


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield "| " + " | ".join(map(within, headings)) + " |"
    yield "| " + " | ".join("---" for _ in headings) + " |"
    for row in rows:
        yield "| " + " | ".join(map(within, row)) + " |"
