"""stdout carries data, stderr everything else. Colours and bars are for terminals only; NO_COLOR is respected."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import typer
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from specreason.client.decoding import to_json
from specreason.visible import ascii_json, visible

# Of text outside a terminal, where it has no width of its own.
PIPE_WIDTH = 160
# Cells between two columns, and between a name and its value.
GAP = 2
NONE = "–"


class SafeConsole(Console):
    """A console that shows control characters in texts and obeys none: rich's own are not among the texts."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """The segments of whatever is printed or drawn."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=visible(segment.text))


def data_console() -> Console:
    """Return the console for what the user asked for."""
    console = _console(stderr=False)
    return console if console.is_terminal else SafeConsole(highlight=False, emoji=False, width=PIPE_WIDTH)


def message_console() -> Console:
    """Return the console for progress and remarks."""
    return _console(stderr=True)


def print_message(text: str) -> None:
    """Print one line on stderr. On a terminal, a status that moves there is drawn again below it."""
    proxied = getattr(sys.stderr, "rich_proxied_file", None)
    if proxied is not None and proxied.isatty():
        sys.stderr.write(f"{visible(text)}\n")
        return
    message_console().print(visible(text), soft_wrap=True, markup=False)


def print_json(value: Any) -> None:
    """Print one line of JSON."""
    typer.echo(ascii_json(to_json(value)))


def print_answer(value: Any, words: str, *, as_json: bool) -> None:
    """Print an answer: the value for a program, the words for a person."""
    if as_json:
        print_json(value)
    else:
        data_console().print(visible(words), soft_wrap=True, markup=False)


def print_list_as_json(values: Any, *, has_more: bool = False) -> None:
    """Print a list in the shape of the API's pages."""
    print_json({"data": list(values), "has_more": has_more})


def tell_of_more(has_more: bool) -> None:
    """Say on stderr that a list was cut, if it was."""
    if has_more:
        print_message("there are more; --limit shows them")


def print_facts(console: Console, rows: Iterable[tuple[str, str | Text | None]]) -> None:
    """Print names and values, one fact a line, without those whose value is None."""
    told = [(name, value) for name, value in rows if value is not None]
    width = max(len(name) for name, _ in told) + GAP
    for name, value in told:
        print_hanging(console, Text(name.ljust(width), style="bold"), as_text(value))


def print_hanging(console: Console, head: Text, body: Text) -> None:
    """Print `body` behind `head`. On a terminal its lines break between words and stay under the first one."""
    width = console.width - head.cell_len
    lines = body.wrap(console, max(1, width)) if console.is_terminal else body.split(allow_blank=True)
    for place, line in enumerate(lines):
        whole = Text.assemble(head if place == 0 else " " * head.cell_len, line)
        whole.rstrip()
        console.print(whole, soft_wrap=True)


def ellipsis_of(console: Console) -> str:
    """Return the mark of a text that was cut."""
    return "..." if console.options.ascii_only else "…"


def number(value: float | None, form: str) -> str | None:
    """Return a figure in the format `form`; None if there is none yet."""
    return None if value is None else form.format(value)


def moment(at: datetime, *, seconds: bool = False) -> str:
    """Return a time as this machine's clock shows it."""
    return f"{at.astimezone():{'%Y-%m-%d %H:%M:%S' if seconds else '%Y-%m-%d %H:%M'}}"


def as_text(value: str | Text, style: str = "") -> Text:
    """Return a text of the user or a model so that its control characters show: rich would drop some of them."""
    return value if isinstance(value, Text) else Text(visible(value), style=style)


def _console(*, stderr: bool) -> Console:
    console = SafeConsole(stderr=stderr, highlight=False, emoji=False)
    if console.is_dumb_terminal:
        # Rich takes every such terminal for 80 columns wide.
        console.size = shutil.get_terminal_size()
    return console
