"""stdout carries data, stderr everything else. Colours and bars are for terminals only; NO_COLOR is respected."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from specreason.client.decoding import to_json

# The last digits of a uuid7 are random: the first ones are a time, and alike in everything that was made together.
SHORT_DIGITS = 8

# At least: broken lines on a narrow terminal are easier to read than broken columns.
TABLE_WIDTH = 160


def data_console() -> Console:
    """Return the console for what the user asked for."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=TABLE_WIDTH)


def message_console() -> Console:
    """Return the console for progress and remarks."""
    return Console(stderr=True, highlight=False)


def print_message(text: str) -> None:
    """Print one line on stderr."""
    message_console().print(text, soft_wrap=True, markup=False)


def print_json(value: Any) -> None:
    """Print one line of JSON."""
    typer.echo(json.dumps(to_json(value)))


def print_answer(value: Any, words: str, *, as_json: bool) -> None:
    """Print an answer: the value for a program, the words for a person."""
    if as_json:
        print_json(value)
    else:
        typer.echo(words)


def print_list_as_json(values: Any, *, has_more: bool = False) -> None:
    """Print a list in the shape of the API's pages."""
    print_json({"data": list(values), "has_more": has_more})


def tell_of_more(has_more: bool) -> None:
    """Say on stderr that a list was cut, if it was."""
    if has_more:
        print_message("there are more; --limit shows them")


def plain_table(*headings: str, right: tuple[str, ...] = ()) -> Table:
    """Return a table without lines. Columns in `right` are right-aligned; the first, with ids to copy, never wraps."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for place, heading in enumerate(headings):
        table.add_column(
            heading,
            justify="right" if heading in right else "left",
            overflow="fold",
            no_wrap=place == 0,
        )
    return table


def print_table(table: Table) -> None:
    """Print a table on stdout."""
    width = data_console().width
    Console(highlight=False, width=max(width, TABLE_WIDTH)).print(table)


def number(value: float | None, form: str) -> str:
    """Return a figure, or a dash if there is none yet."""
    return "–" if value is None else form.format(value)


def short_id(whole: UUID) -> str:
    """Return the digits by which a person names a batch, a job, a worker or a key."""
    return whole.hex[-SHORT_DIGITS:]
