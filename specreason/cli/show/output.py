"""stdout carries data, stderr everything else. Colours and bars only where a person looks; NO_COLOR is heard."""

from __future__ import annotations

import json
from typing import Any

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from specreason.client.decoding import to_json

TABLE_WIDTH = 160  # at least: a narrower terminal breaks lines, which is read more easily than columns


def data_console() -> Console:
    """For what the user asked for."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=TABLE_WIDTH)


def message_console() -> Console:
    """For progress and remarks."""
    return Console(stderr=True, highlight=False)


def print_json(value: Any) -> None:
    """One line of JSON."""
    typer.echo(json.dumps(to_json(value)))


def print_answer(value: Any, words: str, *, as_json: bool) -> None:
    """The same answer, for a program or for a person."""
    if as_json:
        print_json(value)
    else:
        typer.echo(words)


def print_list_as_json(values: Any, *, has_more: bool = False) -> None:
    """A list in the shape of the API's own pages."""
    print_json({"data": list(values), "has_more": has_more})


def tell_of_more(has_more: bool) -> None:
    """On stderr."""
    if has_more:
        message_console().print("there are more; --limit shows them", markup=False)


def plain_table(*headings: str, right: tuple[str, ...] = ()) -> Table:
    """A table without lines, numbers to the right. The first column has ids, to be copied: it is not broken."""
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
    """On stdout."""
    width = data_console().width
    Console(highlight=False, width=max(width, TABLE_WIDTH)).print(table)


def number(value: float | None, form: str) -> str:
    """A figure, or a dash where there is none yet."""
    return "–" if value is None else form.format(value)
