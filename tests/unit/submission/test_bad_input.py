"""Input that is wrong in a hundred thousand places is refused for the first few, and depth and blank lines end."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from api.answers.errors import error_response
from api.native.bodies import BatchBody, GridBody
from api.native.controls import Deadline, Requeue
from api.openai.batches import CreateBatch
from api.openai.input_file import Refused, read_parts
from api.openai.lines import LineInvalid, config_of, read_line
from specreason.pairs import load_pairs
from specreason.submission.jsonl import LONGEST_LINE, MOST_DEPTH, lines_of, load_json
from specreason.submission.options import LARGEST_METADATA
from specreason.validation import first_invalid_field
from tests.support.messages import naming

MANY = 20_000
FEW = 5
UNKNOWN = {f"key {number}": 0 for number in range(MANY)}
PROBLEM = {"problem": "1 + 1?"}
FILE = {"input_file_id": "f", "endpoint": "/v1/chat/completions", "completion_window": "24h"}


def nested(depth: int) -> str:
    return "[" * depth + "]" * depth


@pytest.mark.parametrize(
    ("model", "given"),
    [
        (BatchBody, {"problems": [0] * MANY}),
        (BatchBody, {"problems": [UNKNOWN]}),
        (BatchBody, {"problems": [PROBLEM], **UNKNOWN}),
        (BatchBody, {"problems": [PROBLEM], "config": UNKNOWN}),
        (BatchBody, {"problems": [PROBLEM], "mapping": UNKNOWN}),
        (GridBody, {"problems": [PROBLEM], "grid": UNKNOWN}),
        (GridBody, {"problems": [PROBLEM], "grid": {"scheme": [0] * MANY}}),
        (GridBody, {"problems": [PROBLEM], "grid": {"threshold": ["x"] * MANY}}),
        (Requeue, {"states": [0] * MANY}),
        (Requeue, {"states": ["failed"] * MANY}),
        (Deadline, UNKNOWN),
        (CreateBatch, FILE | UNKNOWN),
        (CreateBatch, FILE | {"metadata": UNKNOWN}),
    ],
)
def test_what_is_wrong_everywhere_is_reported_a_few_times(
    model: type[BaseModel], given: dict[str, Any]
) -> None:
    with pytest.raises(ValidationError) as raised:
        model.model_validate(given)
    assert raised.value.error_count() <= FEW


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"metadata": {"note": "x" * LARGEST_METADATA}}, "metadata"),
        ({"config": {"delimiter": "x" * 101}}, "config.delimiter"),
        ({"problems": [{"problem": "x" * 200_001}]}, "problems[0].problem"),
        ({"problems": [PROBLEM | {"answer": "x" * 20_001}]}, "problems[0].answer"),
        ({"problems": [PROBLEM | {"id": "x" * 1_001}]}, "problems[0].id"),
    ],
)
def test_what_is_repeated_for_each_job_or_batch_has_a_bound(given: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError) as raised:
        BatchBody.model_validate({"problems": [PROBLEM], **given})
    assert first_invalid_field(raised.value).field == field


@pytest.mark.parametrize(
    "asked",
    [
        {"messages": [0] * MANY},
        {"messages": [UNKNOWN]},
        {"messages": [{"role": "user", "content": [0] * MANY}]},
        {"messages": [{"role": "user", "content": [UNKNOWN]}]},
        UNKNOWN,
        {"specreason": UNKNOWN},
    ],
)
def test_a_line_that_is_wrong_everywhere_is_reported_a_few_times(asked: dict[str, Any]) -> None:
    body = {"model": "demo", "messages": [{"role": "user", "content": "1 + 1?"}], **asked}
    row = {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": body}
    with pytest.raises(LineInvalid) as raised:
        config_of(read_line(row))
    cause = raised.value.__cause__
    assert cause is None or (isinstance(cause, ValidationError) and cause.error_count() <= FEW)
    assert len(raised.value.message) < 500


def test_a_long_name_is_not_repeated_whole() -> None:
    name = "x" * 100_000
    body = {"model": name, "messages": [{"role": "user", "content": "1 + 1?"}]}
    row = {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": body}
    keyed = row | {"custom_id": "b", "body": body | {name: 1}}
    with pytest.raises(Refused) as raised:
        read_parts(
            io.BytesIO(f"{json.dumps(row)}\n{json.dumps(keyed)}".encode()),
            load_pairs(),
            max_lines=9,
            max_jobs=9,
        )
    assert len(json.dumps(raised.value.errors)) < 2000


@pytest.mark.parametrize("depth", [MOST_DEPTH + 1, 300, 100_000])
def test_json_that_is_nested_too_deeply_is_refused(depth: int) -> None:
    with pytest.raises(ValueError, match=naming(MOST_DEPTH)):
        load_json(nested(depth))


def test_json_of_the_greatest_depth_is_read() -> None:
    assert load_json(nested(MOST_DEPTH)) == json.loads(nested(MOST_DEPTH))
    assert load_json('{"a": [1, {"b": null}]}') == {"a": [1, {"b": None}]}


def test_a_file_of_blank_lines_is_read_no_further_than_its_limit() -> None:
    content = io.BytesIO(b"\n" * MANY)
    with pytest.raises(Refused, match=naming("100 blank lines")):
        read_parts(content, {}, max_lines=10, max_jobs=10)
    assert content.tell() == 101
    assert not list(lines_of(io.BytesIO(b" \n" * 100), most_blank=100))


def test_a_line_that_begins_with_very_much_blank_is_not_taken_for_a_blank_one() -> None:
    (line,) = lines_of(io.BytesIO(b" " * (LONGEST_LINE + 1) + b"{}\n"))
    with pytest.raises(ValueError, match=naming(LONGEST_LINE)):
        line.parse()


@pytest.mark.parametrize("path", ["/api/batches", "/v1/files"])
def test_an_error_that_repeats_text_which_cannot_be_stored_can_be_sent(path: str) -> None:
    answer = error_response(path, 422, "\ud800: unknown key", field="\ud800")
    assert "\ufffd: " in json.dumps(json.loads(answer.body), ensure_ascii=False)
