"""What a line of a batch of responses may say, and what of it is refused, by its field."""

from __future__ import annotations

from typing import Any

import pytest

from api.openai.lines import RequestLine, config_of, read_line
from api.openai.requests.endpoint import Endpoint
from api.openai.requests.refusal import LineInvalid
from specreason.submission.chat import Message

QUESTION = Message("user", "What is 2 + 2?")
TURN = {"role": "user", "content": QUESTION.content}


def reads(**body: Any) -> RequestLine:
    asked = {"model": "demo", "input": QUESTION.content, **body}
    row = {"custom_id": "a", "method": "POST", "url": "/v1/responses", "body": asked}
    return read_line(row, Endpoint.RESPONSES)


def refusal(**body: Any) -> LineInvalid:
    with pytest.raises(LineInvalid) as refused:
        reads(**body)
    return refused.value


@pytest.mark.parametrize(
    "given",
    [
        QUESTION.content,
        [TURN],
        [TURN | {"type": "message", "id": "msg_1", "status": "completed"}],
        [TURN | {"content": [{"type": "input_text", "text": QUESTION.content}]}],
        [{"type": "reasoning", "summary": []}, TURN],
    ],
)
def test_text_and_one_message_are_a_plain_problem(given: object) -> None:
    problem = reads(input=given).problem
    assert (problem.text, problem.messages) == (QUESTION.content, None)


def test_instructions_come_before_the_turns_of_the_input() -> None:
    said = {"role": "assistant", "content": [{"type": "output_text", "text": "4", "annotations": []}]}
    problem = reads(instructions="Be brief.", input=[TURN, {"type": "reasoning"}, said, TURN]).problem
    assert problem.messages == (
        Message("system", "Be brief."),
        QUESTION,
        Message("assistant", "4"),
        QUESTION,
    )
    assert reads(instructions=" ").problem.messages is None


def test_the_most_output_tokens_limit_reasoning_and_answer_together() -> None:
    config = config_of(reads(max_output_tokens=1000, specreason={"threshold": 5}))
    assert (config.token_budget + config.max_answer_tokens, config.threshold) == (1000, 5)


def test_the_sampling_of_a_response_is_that_of_a_chat_completion() -> None:
    line = reads(temperature=0.5, top_p=0.9, top_k=-1, seed=-7)
    assert (line.fields, line.seed) == ({"temperature": 0.5, "top_p": 0.9, "top_k": 0}, -7)


@pytest.mark.parametrize(
    "asks_nothing",
    [
        {"reasoning": {"effort": "medium", "summary": "auto"}, "store": True, "metadata": {"a": "b"}},
        {"text": {"format": {"type": "text"}, "verbosity": "medium"}, "truncation": "disabled"},
        {"tools": [], "tool_choice": "auto", "parallel_tool_calls": True, "include": [], "background": False},
        {"previous_response_id": None, "conversation": None, "prompt": None, "stream": False},
        {"text": {"format": {"type": "text", "name": None}}, "reasoning": {}},
    ],
)
def test_values_that_ask_for_nothing_change_nothing(asks_nothing: dict[str, Any]) -> None:
    assert reads(**asks_nothing) == reads()


@pytest.mark.parametrize(
    ("asked", "param"),
    [
        ({"reasoning": {"effort": "high"}}, "body.reasoning.effort"),
        ({"text": {"format": {"type": "json_object"}}}, "body.text.format"),
        ({"include": ["reasoning.encrypted_content"]}, "body.include"),
        ({"previous_response_id": "resp_1"}, "body.previous_response_id"),
        ({"background": True}, "body.background"),
        ({"stream": True}, "body.stream"),
        ({"tools": [{"type": "web_search"}]}, "body.tools"),
        ({"truncation": "auto"}, "body.truncation"),
        ({"max_output_tokens": 1}, "body.max_output_tokens"),
        ({"n": 2}, "body.n"),
        ({"messages": [TURN]}, "body.messages"),
        ({"specreason": {"repeats": 2}}, "body.specreason.repeats"),
        ({"specreason": {"first_repeat": 2}}, "body.specreason.first_repeat"),
        ({"instructions": "x" * 200_000}, "body.instructions"),
        ({"instructions": "\0"}, "body.instructions"),
        ({"instructions": 5}, "body.instructions"),
        ({"input": 5}, "body.input"),
        ({"input": " "}, "body.input"),
        ({"input": []}, "body.input"),
        ({"input": [{"type": "function_call_output", "output": "x"}, TURN]}, "body.input[0].type"),
        ({"input": [{"type": "reasoning"}, TURN | {"role": "tool"}]}, "body.input[1].role"),
        ({"input": [TURN | {"content": [{"type": "input_image"}]}]}, "body.input[0].content[0].type"),
    ],
)
def test_what_there_is_not_is_refused_by_its_field(asked: dict[str, Any], param: str) -> None:
    assert refusal(**asked).param == param


def test_a_line_without_input_names_what_is_missing() -> None:
    refused = refusal(model=None, input=None)
    assert refused.code == "missing_required_parameter"
    assert refused.message.split(": ")[0] == "body.model, body.input"
