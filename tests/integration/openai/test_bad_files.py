"""Files that no batch can be made of, with what their batch says of them, and files that are merely unusual."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable

import pytest
from openai import OpenAI

from specreason.store.session import Database
from specreason.submission.jsonl import LONGEST_LINE, MOST_DEPTH
from tests.support.api.openai import create, num_jobs, reaches
from tests.support.api.openai_builders import ENDPOINT, jsonl, line
from tests.support.store.sql import rows_of, scalar

MANY = [line(f"line-{number}") for number in range(1, 50_001)]


def with_bad_line(number: int, bad: bytes) -> bytes:
    lines = jsonl(MANY[:number]).splitlines(keepends=True)
    lines[number - 1] = bad + b"\n"
    return b"".join(lines)


USER = {"role": "user", "content": "What is 2 + 2?"}
SYSTEM = {"role": "system", "content": "Be very brief."}
DEEP = json.loads("[" * 300 + "]" * 300)
CORPUS: dict[str, tuple[Callable[[], bytes], list[tuple[int | None, str]]]] = {
    "broken JSON at line 49,999": (
        lambda: with_bad_line(49_999, b'{"custom_id": "x'),
        [(49_999, "not JSON")],
    ),
    "50,001 lines": (lambda: jsonl([*MANY, line("one more")]), [(50_001, "more than 50,000 lines")]),
    "duplicate custom_id": (
        lambda: jsonl([line("a"), line("b"), line("a")]),
        [(3, "custom_id: line 1 has the same")],
    ),
    "two wrong lines": (
        lambda: jsonl([line("a") | {"method": "GET"}, line("b"), line("c") | {"url": "/v1/embeddings"}]),
        [(1, "method"), (3, "url")],
    ),
    "NUL": (lambda: b'{"custom_id": "a\0"}\n', [(1, "JSON")]),
    "escaped NUL": (lambda: jsonl([line("a", "nul \0")]), [(1, "NUL")]),
    "escaped NUL in the id": (lambda: jsonl([line("a\0")]), [(1, "custom_id")]),
    "a 5 MB line": (
        lambda: jsonl([line("a"), line("b", "x" * 5_000_000), line("c") | {"url": 7}]),
        [(2, str(LONGEST_LINE)), (3, "url")],
    ),
    "a problem that is too long": (lambda: jsonl([line("a", "x" * 200_001)]), [(1, "messages")]),
    "lone surrogate": (lambda: jsonl([line("a", "\ud83e")]), [(1, "messages")]),
    "lone surrogate in the id": (lambda: jsonl([line("\ud83e")]), [(1, "custom_id")]),
    "latin-1": (lambda: json.dumps(line("a", "größe"), ensure_ascii=False).encode("latin-1"), [(1, "UTF-8")]),
    "UTF-16": (lambda: json.dumps(line("a")).encode("utf-16"), [(1, "UTF-8")]),
    "gzip": (lambda: gzip.compress(jsonl([line("a")])), [(1, "compressed")]),
    "a list": (lambda: json.dumps([line("a")]).encode(), [(1, "JSON list")]),
    "objects over lines": (lambda: json.dumps(line("a"), indent=1).encode(), [(1, "several lines")]),
    "a table": (lambda: b"custom_id,body\na,b\n", [(1, "CSV")]),
    "a web page": (lambda: b"<!DOCTYPE html><title>Sign in</title>", [(1, "Sign in")]),
    "two requests in one line": (
        lambda: jsonl([line("a")]).strip() + jsonl([line("b")]),
        [(1, "second value")],
    ),
    "empty": (lambda: b"", [(None, "lines")]),
    "blank": (lambda: b"\n \r\n\n", [(None, "lines")]),
    "deep nesting": (lambda: b"[" * 100_000 + b"]" * 100_000, [(1, str(MOST_DEPTH))]),
    "300 levels": (lambda: jsonl([line("a", metadata=DEEP)]), [(1, str(MOST_DEPTH))]),
    "keys that are no text": (
        lambda: jsonl([line("a") | {"a\0": 1}, line("b", **{"b\0": 1}), line("c", **{"\ud800": 1})]),
        [
            (1, r"'a\x00'"),
            (2, "body.b\ufffd"),
            (3, "body.\ufffd: "),
        ],
    ),
    "a model that is no text": (
        lambda: jsonl([line("a", model="gpt\0"), line("b", model="\ud800")]),
        [(1, "'gpt\ufffd'"), (2, "'\ufffd'")],
    ),
    "keys of ours that are no text": (
        lambda: jsonl([line("a", specreason={"a\0": 1}), line("b", specreason={"\ud800": 1})]),
        [(1, "body.specreason.a\ufffd"), (2, "body.specreason.\ufffd: ")],
    ),
    "a huge integer": (lambda: jsonl([line("a", seed=10**400)]), [(1, "seed")]),
    "an integer of 5,000 digits": (lambda: b'{"custom_id": ' + b"9" * 5000 + b"}", [(1, "JSON")]),
    "a number that is too large": (lambda: b'{"custom_id": 1e999}', [(1, "large")]),
    "NaN": (lambda: jsonl([line("a", temperature=float("nan"))]), [(1, "NaN")]),
    "not an object": (lambda: b"[1]\n", [(1, "object")]),
    "no body": (lambda: jsonl([{"custom_id": "a", "method": "POST", "url": ENDPOINT}]), [(1, "body")]),
    "unknown model": (lambda: jsonl([line("a", model="gpt-5")]), [(1, "'gpt-5'")]),
    "tools": (lambda: jsonl([line("a", tools=[{}])]), [(1, "body.tools: ")]),
    "what there is not": (
        lambda: jsonl([line("a", stop="\n"), line("b", presence_penalty=0.5), line("c", logprobs=True)]),
        [(1, "body.stop: "), (2, "body.presence_penalty: "), (3, "body.logprobs: ")],
    ),
    "stream": (lambda: jsonl([line("a", stream=True)]), [(1, "body.stream: ")]),
    "turns that are no problem": (
        lambda: jsonl(
            [
                line("a", messages=[]),
                line("b", messages=[SYSTEM]),
                line("c", messages=[USER, {"role": "assistant", "content": "4"}]),
            ]
        ),
        [(number, "messages") for number in (1, 2, 3)],
    ),
    "instructions and a problem that are too long together": (
        lambda: jsonl([line("a", messages=[SYSTEM, USER | {"content": "x" * 199_990}])]),
        [(1, "200,000")],
    ),
    "an image": (
        lambda: jsonl([line("a", messages=[{"role": "user", "content": [{"type": "image_url"}]}])]),
        [(1, "body.messages[0].content")],
    ),
    "a wrong configuration": (
        lambda: jsonl(
            [line("a", specreason={"treshold": 5}), line("b", specreason={"scheme": "specdecode"})]
        ),
        [(1, "body.specreason.treshold"), (2, "body.specreason.scheme")],
    ),
    "the same thing twice": (
        lambda: jsonl([line("a", temperature=1, specreason={"temperature": 1}), line("b", n=0)]),
        [(1, "temperature"), (2, "body.n")],
    ),
    "a seed that is none": (
        lambda: jsonl([line("a", seed="x"), line("b", specreason={"seed": 2**63})]),
        [(1, "body.seed"), (2, "seed")],
    ),
}


@pytest.mark.parametrize("name", CORPUS)
def test_a_bad_file_fails_with_its_lines_and_queues_nothing(
    openai: OpenAI, database: Database, name: str
) -> None:
    content, expected = CORPUS[name]
    failed = reaches(openai, create(openai, content()).id, "failed", "in_progress")
    assert failed.status == "failed"
    assert failed.failed_at
    assert failed.errors is not None
    assert failed.errors.data is not None
    told = [(error.line, error.message or "") for error in failed.errors.data]
    assert [number for number, _ in told] == [number for number, _ in expected]
    for (_, message), (_, says) in zip(told, expected, strict=True):
        assert says in message
    assert num_jobs(database) == 0
    assert scalar(database, "SELECT count(*) FROM batch") == 0


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf" + jsonl([line("a"), line("b")]),
        jsonl([line("a"), line("b")]).replace(b"\n", b"\r\n"),
        b"\n" + jsonl([line("a")]) + b"\n\n" + jsonl([line("b")]).rstrip(),
        jsonl([line("a", stream=False, tools=[], stop=None, top_logprobs=0, tool_choice="auto"), line("b", user=7)]),
    ],
    ids=["byte order mark", "carriage returns", "blank lines", "what clients write besides"],
)  # fmt: skip
def test_a_file_that_is_merely_unusual_works(openai: OpenAI, database: Database, content: bytes) -> None:
    reaches(openai, create(openai, content).id, "in_progress")
    assert num_jobs(database) == 2


def test_turns_are_stored_as_they_are_and_the_last_is_the_problem(openai: OpenAI, database: Database) -> None:
    parts = [{"type": "text", "text": "What is"}, {"type": "text", "text": "2 + 2?"}]
    lines = [
        line("a", messages=[SYSTEM, USER]),
        line("b", messages=[USER, {"role": "assistant", "content": "4"}, USER | {"content": parts}]),
        line("c", messages=[USER | {"name": "alice"}]),
    ]
    reaches(openai, create(openai, jsonl(lines)).id, "in_progress")
    assert rows_of(database, "SELECT text, messages FROM problem ORDER BY index") == [
        ("What is 2 + 2?", [SYSTEM, USER]),
        (
            "What is\n2 + 2?",
            [USER, {"role": "assistant", "content": "4"}, USER | {"content": "What is\n2 + 2?"}],
        ),
        ("What is 2 + 2?", None),
    ]


def test_a_file_of_fifty_thousand_lines_is_taken(openai: OpenAI, database: Database) -> None:
    done = reaches(openai, create(openai, jsonl(MANY)).id, "in_progress")
    assert done.request_counts is not None
    assert done.request_counts.total == 50_000
    assert num_jobs(database) == 50_000


def test_a_file_wrong_in_every_line_is_told_so_a_hundred_times(openai: OpenAI) -> None:
    failed = reaches(openai, create(openai, b"x\n" * 1000).id, "failed")
    assert failed.errors is not None
    assert [error.line for error in failed.errors.data or ()] == list(range(1, 101))
