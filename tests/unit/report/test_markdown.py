"""The Markdown file: texts of users and models are shown as they are, and our own marks work."""

from __future__ import annotations

import html
import re

import pytest
from markdown_it import MarkdownIt

from specreason.report.captions import written
from specreason.report.markdown import escaped, to_markdown, within
from tests.support.report.made_up import HOSTILE, cells_of, report_of

READ = MarkdownIt("commonmark").enable(["table", "strikethrough"])
TEXTS = (
    HOSTILE,
    "1. no list",
    "- no list",
    "+ no list",
    "# no heading",
    "> no quotation",
    "=== no heading above",
    "*a* _b_ **c** ~~d~~ `e`",
    "![picture](x.svg) <img src=x onerror=alert(1)> &lt; &#65;",
    r"\frac{1}{2} \\ \[x\] $$y$$",
    "a | b | c",
    "trailing backslash \\",
    "[x]: http://example.org",
    "snake_case_name and 2*3*4",
)


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_is_shown_as_it_is(text: str) -> None:
    shown = " ".join(text.replace("\x1b", "␛").split())
    assert (
        READ.render(escaped(text)) == f"<p>{html.escape(shown, quote=False).replace(chr(34), '&quot;')}</p>\n"
    )


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_in_a_table_stays_in_its_cell(text: str) -> None:
    table = READ.render(f"| a | b |\n| --- | --- |\n| {within(text)} | end |\n")
    cells = re.findall(r"<td>(.*?)</td>", table)
    assert html.unescape(cells[0]) == " ".join(text.replace("\x1b", "␛").split())
    assert cells[1:] == ["end"]


@pytest.mark.parametrize(
    "address", ["http://example.org", "https://example.org", "www.example.org", "mailto:a@b.c"]
)
def test_an_address_in_a_text_becomes_no_link_on_github(address: str) -> None:
    assert address not in escaped(f"see {address}")


def test_the_file_has_every_figure_with_its_picture_its_numbers_and_its_sql() -> None:
    report = report_of(cells_of(), text=HOSTILE)
    page = READ.render(to_markdown(report))
    for figure in report.figures:
        assert f'<img src="figures/{figure.name}.svg"' in page
        assert f'<a href="figures/{figure.name}.csv"' in page
        assert f'<a href="figures/{figure.name}.sql"' in page
    assert page.count("<table>") == 3  # cells, and the two rankings of steps
    assert set(re.findall(r'(?:href|src)="(\w+:[^"]*)"', page)) == set()
    assert "<script" not in page
    assert "needs steps that a reward model has scored" in page


def test_a_value_is_written_for_people() -> None:
    assert [written(value) for value in (None, True, 0.123456, 12_345.6, 7, "x")] == [
        "–",
        "yes",
        "0.1235",
        "12,346",
        "7",
        "x",
    ]
