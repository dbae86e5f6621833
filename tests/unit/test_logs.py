"""Log lines: one for each event, whatever is in it, with the words that are bound where it is written."""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

import pytest
from structlog.contextvars import bound_contextvars

from specreason.logs import LONGEST, OneLine, json_lines

NASTY = "a\x1b[31mb\nc\x07\x9b\u202ed\x7fe\udc80f"


def record(message: str, *arguments: object, exc_info: Any = None) -> logging.LogRecord:
    return logging.LogRecord("worker.run_job", logging.WARNING, "run_job.py", 1, message, arguments, exc_info)


def failing(message: str) -> logging.LogRecord:
    try:
        raise ValueError(message)
    except ValueError:
        return record("job %s failed", "j-1", exc_info=sys.exc_info())


def json_of(entry: logging.LogRecord) -> dict[str, Any]:
    line = json_lines().format(entry)
    assert line.isascii()
    assert all(character.isprintable() for character in line)
    value = json.loads(line)
    assert isinstance(value, dict)
    return value


def test_a_line_of_json_says_when_who_how_bad_and_what() -> None:
    value = json_of(record("job %s will be tried again", "j-1"))
    assert value.keys() == {"timestamp", "level", "logger", "event"}
    assert (value["level"], value["logger"]) == ("warning", "worker.run_job")
    assert value["event"] == "job j-1 will be tried again"
    assert value["timestamp"].endswith("Z")


def test_what_is_bound_is_in_both_formats_and_ends_with_the_block() -> None:
    with bound_contextvars(batch="b-1", job="j-1", attempt=2, step=5):
        value, line = json_of(record("slow")), OneLine().format(record("slow"))
    assert (value["batch"], value["job"], value["attempt"], value["step"]) == ("b-1", "j-1", 2, 5)
    assert line.endswith("WARNING worker.run_job: slow [attempt=2 batch=b-1 job=j-1 step=5]")
    assert "job" not in json_of(record("slow"))
    assert OneLine().format(record("slow")).endswith("slow")


@pytest.mark.parametrize("of", [lambda: record(NASTY), lambda: failing(NASTY)], ids=["message", "traceback"])
def test_no_control_character_leaves_in_either_format(of: Any) -> None:
    told = json_of(of())  # and a program gets the text as it was
    assert NASTY in told["event"] + told.get("exception", "")
    lines = OneLine().format(of()).split("\n")
    assert all(character.isprintable() for line in lines for character in line)
    assert all(line.startswith("    ") for line in lines[1:])


def test_a_bound_value_cannot_begin_a_line_either() -> None:
    with bound_contextvars(job=NASTY):
        assert len(OneLine().format(record("slow")).split("\n")) == 1
        assert json_of(record("slow"))["job"] == NASTY


def test_a_traceback_is_one_field_of_the_line() -> None:
    value = json_of(failing("two\nlines"))
    assert "ValueError: two\nlines" in value["exception"]
    assert "exc_info" not in value


def test_what_quotes_a_long_text_is_cut() -> None:
    assert len(json_of(record("x" * 3 * LONGEST))["event"]) == LONGEST + 1
    assert len(OneLine().format(record("x" * 3 * LONGEST))) < LONGEST + 100
