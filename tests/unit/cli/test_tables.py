"""Tables on terminals of any width, and in a pipe."""

from __future__ import annotations

import io

import pytest
from rich.console import Console
from rich.text import Text

from specreason.cli.show import batches, demo, jobs, keys, workers
from specreason.cli.show.output import print_facts
from specreason.cli.show.tables import Column, fitted, print_table

COLUMNS = (
    Column(heading="id"),
    Column(heading="name", least=6, keeps="ends", drop=3),
    Column(heading="note", least=6, drop=2),
    Column(heading="count", justify="right", drop=1),
    Column(heading="empty"),
)
ROWS = [
    ("0a1b2c3d", "sums of the year threshold=7", "it ran out of memory", "1", None),
    ("4e5f6a7b", None, None, "12,345", None),
]
TABLES = (
    batches.COLUMNS,
    jobs.JOB_COLUMNS,
    jobs.ATTEMPT_COLUMNS,
    keys.COLUMNS,
    workers.COLUMNS,
    demo.FIGURES,
)


def console_of(width: int | None, *, encoding: str = "utf-8", **environment: str) -> Console:
    """A terminal of this width; None: a pipe."""
    out = io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="replace", newline="\n")
    return Console(
        file=out,
        width=width or 160,
        height=25,
        force_terminal=width is not None,
        color_system=None,
        _environ=environment,
    )


def printed(console: Console) -> list[str]:
    file = console.file
    assert isinstance(file, io.TextIOWrapper)
    file.flush()
    assert isinstance(file.buffer, io.BytesIO)
    return file.buffer.getvalue().decode().splitlines()


def table(width: int | None, **of_console: str) -> list[str]:
    console = console_of(width, **of_console)
    print_table(console, COLUMNS, ROWS)
    return printed(console)


def test_a_terminal_with_room_shows_every_column_that_holds_something() -> None:
    head, rule, first, second = table(80)
    assert set(rule) == {"─"}
    assert head.split() == ["id", "name", "note", "count"]
    assert "sums of the year threshold=7" in first
    assert "it ran out of memory" in first
    assert second.split() == ["4e5f6a7b", "–", "–", "12,345"]


@pytest.mark.parametrize("width", range(24, 80))
def test_a_row_is_one_line_that_fits_and_no_heading_is_broken(width: int) -> None:
    lines = table(width)
    assert len(lines) == 2 + len(ROWS)
    assert max(map(len, lines)) <= width
    assert set(lines[0].split()) <= {column.heading for column in COLUMNS}
    assert [line.split()[0] for line in (lines[0], *lines[2:])] == ["id", "0a1b2c3d", "4e5f6a7b"]


def test_texts_are_cut_before_columns_go_and_these_go_in_their_order() -> None:
    assert table(60)[2] == "0a1b2c3d  sums of th…reshold=7  it ran out of memory       1"
    assert table(38)[0].split() == ["id", "name", "note", "count"]
    assert table(28)[0].split() == ["id", "name", "note"]
    assert table(20)[0].split() == ["id", "name"]
    assert table(12)[0].split() == ["id"]


def test_a_pipe_gets_every_column_and_every_text_whole() -> None:
    head, first, second = table(None)
    assert head.split() == ["id", "name", "note", "count", "empty"]
    assert first.split("  ")[:2] == ["0a1b2c3d", "sums of the year threshold=7"]
    assert second.split() == ["4e5f6a7b", "–", "–", "12,345", "–"]
    assert "\x1b" not in "".join((head, first, second))


def test_an_encoding_without_an_ellipsis_gets_dots_that_fit() -> None:
    lines = table(40, encoding="ascii")
    assert "..." in lines[2]
    assert max(map(len, lines)) <= 40


def test_a_cell_with_line_breaks_is_one_line_and_moves_no_cursor() -> None:
    console = console_of(60)
    print_table(console, [Column(heading="error")], [["first\nsecond\tthird\x1b[2J"]])
    assert printed(console) == ["error", "─" * 22, "first second third␛[2J"]


@pytest.mark.parametrize("columns", TABLES)
def test_each_table_has_an_order_in_which_its_columns_go_and_keeps_the_first(
    columns: tuple[Column, ...],
) -> None:
    orders = [column.drop for column in columns if column.drop is not None]
    assert sorted(orders) == list(range(1, len(orders) + 1))
    assert columns[0].drop is None
    assert columns[0].least is None
    kept = [column for column in columns if column.drop is None]
    widest = [[Text("x" * 12) for _ in columns]]
    assert {fit.place for fit in fitted(columns, widest, 20)} == {columns.index(column) for column in kept}


def test_a_fact_is_wrapped_between_words_and_stays_under_its_first_line() -> None:
    console = console_of(30)
    print_facts(
        console, [("id", "0a1b2c3d"), ("problem", "What is the sum of both numbers?"), ("error", None)]
    )
    assert printed(console) == [
        "id       0a1b2c3d",
        "problem  What is the sum of",
        "         both numbers?",
    ]


def test_a_fact_in_a_pipe_is_not_wrapped() -> None:
    console = console_of(None)
    print_facts(console, [("problem", "word " * 100 + "end"), ("id", "1")])
    assert len(printed(console)) == 2
