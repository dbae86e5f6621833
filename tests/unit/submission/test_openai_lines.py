"""What a line of an OpenAI batch file may say besides the problem, and what of it is refused, by its field."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from api.openai.input_file import Refused, read_parts
from api.openai.lines import LABELS, LineInvalid, RequestLine, read_line
from specreason.pairs import load_pairs
from tests.support.messages import names

USER = {"role": "user", "content": "What is 2 + 2?"}


def row(**body: Any) -> dict[str, Any]:
    asked = {"model": "demo", "messages": [USER], **body}
    return {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": asked}


def reads(**body: Any) -> RequestLine:
    return read_line(row(**body))


def refusal(**body: Any) -> LineInvalid:
    with pytest.raises(LineInvalid) as refused:
        reads(**body)
    return refused.value


@pytest.mark.parametrize("role", ["system", "developer"])
@pytest.mark.parametrize("content", ["Be brief.\n", [{"type": "text", "text": "Be brief."}]])
def test_instructions_stand_before_the_problem_in_the_one_user_turn(role: str, content: object) -> None:
    line = reads(messages=[{"role": role, "content": content}, USER])
    assert line.problem == "Be brief.\n\nWhat is 2 + 2?"


def test_instructions_that_are_blank_leave_the_problem_as_it_is() -> None:
    assert reads(messages=[{"role": "system", "content": " \n"}, USER]).problem == USER["content"]


def test_instructions_count_towards_the_longest_problem() -> None:
    def said(length: int) -> list[dict[str, str]]:
        return [{"role": "system", "content": "x" * length}, {"role": "user", "content": "y" * 100_000}]

    assert len(reads(messages=said(99_998)).problem) == 200_000
    assert refusal(messages=said(99_999)).param == "body.messages"


@pytest.mark.parametrize(
    "messages",
    [
        [],
        [USER, USER],
        [{"role": "system", "content": "Be brief."}],
        [USER, {"role": "system", "content": "Be brief."}],
        [USER, {"role": "assistant", "content": "4"}, USER],
        [USER, {"role": "assistant", "content": "The answer is"}],
        [{"role": "tool", "content": "4", "tool_call_id": "x"}],
        [{"role": ["user"], "content": "x"}],
        ["What is 2 + 2?"],
    ],
)
def test_any_other_turn_is_refused_and_says_what_a_line_may_have(messages: list[Any]) -> None:
    refused = refusal(messages=messages)
    assert (refused.code, refused.param) == ("unsupported_parameter", "body.messages")
    assert names(refused.message, "user", "system", "developer")


def test_instructions_without_a_problem_are_refused() -> None:
    blank = {"role": "user", "content": " "}
    assert refusal(messages=[{"role": "system", "content": "Be brief."}, blank]).param == "body.messages"


def test_text_that_cannot_be_stored_is_refused_by_its_message() -> None:
    nul = [{"role": "system", "content": "\0"}, USER]
    assert refusal(messages=nul).param == "body.messages[0].content"


@pytest.mark.parametrize(
    "asks_nothing",
    [
        {"presence_penalty": 0, "frequency_penalty": 0.0, "logit_bias": {}},
        {"stop": [], "stream": False, "response_format": {"type": "text"}, "modalities": ["text"]},
        {"tools": [], "tool_choice": "none", "parallel_tool_calls": True, "functions": []},
        {"tool_choice": "auto", "function_call": "auto"},
        {"logprobs": False, "top_logprobs": 0, "reasoning_effort": None, "audio": None},
    ],
)
def test_values_that_ask_for_nothing_change_nothing(asks_nothing: dict[str, Any]) -> None:
    assert reads(**asks_nothing) == reads()


@pytest.mark.parametrize("held", ["x", "\0", {"who": "me"}, True, 5])
def test_labels_may_hold_anything_and_change_nothing(held: object) -> None:
    assert reads(**dict.fromkeys(LABELS, held)) == reads()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("presence_penalty", 0.5),
        ("frequency_penalty", -1),
        ("stop", ["\n"]),
        ("stop", "\n"),
        ("tools", [{}]),
        ("tool_choice", "required"),
        ("logit_bias", {"5": 1}),
        ("logprobs", True),
        ("top_logprobs", 5),
        ("response_format", {"type": "json_object"}),
        ("modalities", ["text", "audio"]),
        ("stream", True),
        ("reasoning_effort", "high"),
        ("n", False),
        ("colour", "red"),
    ],
)
def test_values_that_ask_for_what_there_is_not_are_refused_by_their_field(field: str, value: object) -> None:
    assert refusal(**{field: value}).param == f"body.{field}"


def test_the_sampling_of_vllms_own_clients_is_understood_beside_openais() -> None:
    fields = reads(top_k=20, min_p=0.1, top_p=0.5, specreason={"drafter_top_k": 0}).fields
    assert fields == {"top_k": 20, "min_p": 0.1, "top_p": 0.5, "drafter_top_k": 0}
    assert refusal(top_k=20, specreason={"top_k": 20}).param == "body.specreason.top_k"
    assert refusal(top_k=-1).param == "body.top_k"


@pytest.mark.parametrize(
    ("asked", "param"),
    [
        ({"min_p": 0.1, "specreason": {"scheme": "specdecode"}}, "body.min_p"),
        ({"specreason": {"scheme": "specdecode", "min_p": 0.1}}, "body.specreason.min_p"),
        ({"specreason": {"scheme": "base"}}, "body.specreason.scheme"),
    ],
)
def test_what_a_pair_cannot_run_is_refused_by_the_field_that_the_line_has(
    asked: dict[str, Any], param: str
) -> None:
    content = io.BytesIO(json.dumps(row(model="demo-decode", **asked)).encode())
    with pytest.raises(Refused) as refused:
        read_parts(content, load_pairs(), max_lines=9, max_jobs=9)
    (error,) = refused.value.errors
    assert (error["param"], error["code"]) == (param, "invalid_request")
    assert names(error["message"], param, "'demo-decode'")
