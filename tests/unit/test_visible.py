"""Control characters that a user or a model wrote, on their way to a terminal, to JSON and to a log."""

from __future__ import annotations

import json
import logging
import sys

import pytest
from rich.cells import cell_len

from specreason.logs import INDENT, LONGEST, OneLine
from specreason.visible import ascii_json, escaped, escaped_json, on_one_line, visible

C0 = [chr(number) for number in range(32) if chr(number) not in "\t\n"]
C1 = [chr(number) for number in range(0x80, 0xA0)]
DIRECTIONS = [*map(chr, range(0x202A, 0x202F)), *map(chr, range(0x2066, 0x206A))]
CONTROLS = [*C0, "\x7f", *C1, *DIRECTIONS]
# What terminals do with these: a clipboard, a title, a link, a cleared screen, an 8-bit sequence, a turned line.
ATTACKS = [
    "\x1b]52;c;ZWNobyBvd25lZA==\x07",
    "\x1b]0;root@host\x1b\\",
    "\x1b]8;;https://evil.example\x1b\\safe\x1b]8;;\x1b\\",
    "\x1b[2J\x1b[H",
    "\x9b2J",
    "\x9d52;c;eA==\x9c",
    "abc\rABC",
    "\b\b\b",
    "user \u202e txt.exe",
    "\u2066nested\u2069",
    "\x7f\x00",
]
HARMLESS = ["two\nlines\tand a tab", "naïve 日本語 🙂", "שלום عليكم", "a\u200db", "x² ≤ 2π", ""]


@pytest.mark.parametrize("text", [*CONTROLS, *ATTACKS])
def test_no_control_character_reaches_a_terminal_as_such_and_none_vanishes(text: str) -> None:
    shown = visible(text)
    assert len(shown) == len(text)
    assert not set(shown) & set(CONTROLS)
    assert cell_len(visible(text)) >= len(text) - 1  # each has a width of its own


@pytest.mark.parametrize("text", HARMLESS)
def test_other_text_stays_as_it_is(text: str) -> None:
    assert visible(text) == text
    assert json.loads(ascii_json(text)) == text


@pytest.mark.parametrize("text", [*CONTROLS, *ATTACKS, *HARMLESS])
def test_json_has_control_characters_as_escapes_and_means_the_same(text: str) -> None:
    for line in (ascii_json({"text": text}), escaped_json(json.dumps({"text": text}, ensure_ascii=False))):
        assert not set(line) & {*CONTROLS, "\n"}
        assert json.loads(line) == {"text": text}


@pytest.mark.parametrize("text", [*CONTROLS, *ATTACKS, "a\nb", "a\u2028b", "a\x85b", "a\u2029b"])
def test_a_log_has_control_characters_and_line_breaks_as_escapes(text: str) -> None:
    assert len(escaped(text).splitlines()) == 1
    assert escaped(text).isprintable()


def test_a_name_is_one_line() -> None:
    assert on_one_line("  a\n\tb \r\n c\x1b ") == "a b c␛"


def test_line_breaks_of_another_system_are_line_breaks() -> None:
    assert visible("a\r\nb") == "a\nb"


def record(message: str, *arguments: object, error: BaseException | None = None) -> logging.LogRecord:
    told = None if error is None else (type(error), error, error.__traceback__)
    return logging.LogRecord("worker", logging.WARNING, __file__, 1, message, arguments, told)


FORGED = "x\n2026-01-01 00:00:00,000 ERROR worker.supervisor: forged\x1b[2J"


def test_an_event_is_one_line_of_the_log_whatever_it_quotes() -> None:
    (line,) = OneLine().format(record("Timeout during parsing: %s", FORGED)).splitlines()
    assert r"\n2026-01-01" in line
    assert "\x1b" not in line


def test_a_long_message_is_cut() -> None:
    assert len(OneLine().format(record("9" * 20_000))) < LONGEST + 100


def test_a_traceback_stands_behind_its_event_and_begins_no_line_of_its_own() -> None:
    try:
        raise ValueError(FORGED)
    except ValueError as error:
        first, *others = OneLine().format(record("it failed", error=error)).splitlines()
    assert first.endswith("worker: it failed")
    assert others
    assert all(line.startswith(INDENT) for line in others)
    assert "\x1b" not in "".join(others)
    assert "forged" in "".join(others)


def test_a_stack_is_indented_as_well() -> None:
    told = record("here")
    told.stack_info = "Stack (most recent call last):\nERROR forged"
    assert all(line.startswith(INDENT) for line in OneLine().format(told).splitlines()[1:])
    assert sys.exc_info() == (None, None, None)
