"""What a line of an OpenAI batch file may say besides the problem, and what of it is refused, by its field."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path
from typing import Any

import pytest

from api.openai.input_file import Refused, read_parts
from api.openai.lines import RequestLine, read_line
from api.openai.requests.asks import LABELS
from api.openai.requests.endpoint import SPELLINGS, Endpoint, endpoint_of
from api.openai.requests.refusal import LineInvalid
from specreason.pairs import load_pairs
from specreason.submission.chat import Message
from tests.support.messages import names

DATA = Path(__file__).parents[2] / "data" / "openai"
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
def test_instructions_are_turns_of_their_own_before_the_problem(role: str, content: object) -> None:
    problem = reads(messages=[{"role": role, "content": content}, USER]).problem
    assert problem.text == "What is 2 + 2?"
    assert problem.messages == (Message(role, "Be brief."), Message("user", "What is 2 + 2?"))


def test_a_chat_of_several_turns_is_stored_as_its_messages() -> None:
    turns = [USER, {"role": "assistant", "content": "4"}, USER | {"content": "And 3 + 3?"}]
    problem = reads(messages=turns).problem
    assert problem.text == "And 3 + 3?"
    assert [each.role for each in problem.messages or ()] == ["user", "assistant", "user"]


def test_a_question_alone_is_a_plain_problem() -> None:
    for messages in ([USER], [{"role": "system", "content": " \n"}, USER]):
        problem = reads(messages=messages).problem
        assert (problem.text, problem.messages) == ("What is 2 + 2?", None)


def test_instructions_count_towards_the_longest_problem() -> None:
    def said(length: int) -> list[dict[str, str]]:
        return [{"role": "system", "content": "x" * length}, {"role": "user", "content": "y" * 100_000}]

    assert reads(messages=said(100_000)).problem.messages
    assert refusal(messages=said(100_001)).param == "body.messages"


@pytest.mark.parametrize(
    ("messages", "place"),
    [
        ([], ""),
        ("What is 2 + 2?", ""),
        (["What is 2 + 2?"], "[0]"),
        ([{"role": "system", "content": "Be brief."}], "[0].role"),
        ([USER, {"role": "system", "content": "Be brief."}], "[1].role"),
        ([USER, {"role": "assistant", "content": "The answer is"}], "[1].role"),
        ([{"role": "tool", "content": "4", "tool_call_id": "x"}, USER], "[0].tool_call_id"),
        ([{"role": ["user"], "content": "x"}], "[0].role"),
        ([USER | {"content": 5}], "[0].content"),
        ([USER | {"content": [{"type": "image_url", "image_url": {}}]}], "[0].content[0].type"),
        ([{"role": "system", "content": "Be brief."}, USER | {"content": " "}], "[1].content"),
        ([{"role": "assistant", "tool_calls": [{}], "content": "x"}, USER], "[0].tool_calls"),
    ],
)
def test_messages_that_are_no_chat_are_refused_by_their_place(messages: Any, place: str) -> None:
    assert refusal(messages=messages).param == f"body.messages{place}"


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
        {"reasoning_effort": "medium", "verbosity": "medium", "reasoning": {"effort": "medium"}},
        {"response_format": {"type": "text", "json_schema": None}, "logit_bias": {"5": None}},
        {"stream_options": None, "specreason": None},
        {"repetition_penalty": 1.0, "length_penalty": 1, "min_tokens": 0, "ignore_eos": False},
        {"skip_special_tokens": True, "include_reasoning": True, "use_beam_search": False, "best_of": 1},
        {"chat_template_kwargs": {"enable_thinking": True}, "stop_token_ids": [], "bad_words": []},
        {"chat_template_kwargs": {"enable_thinking": None, "thinking": True}, "echo": False},
        {"chat_template_kwargs": {}, "thinking": {"type": "enabled"}, "enable_thinking": True},
        {"colour": None, "flavour": False},
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
        ("modalities", ["text", "audio"]),
        ("stream", True),
        ("reasoning_effort", "high"),
        ("reasoning_effort", "none"),
        ("repetition_penalty", 1.05),
        ("repetition_penalty", True),
        ("min_tokens", 10),
        ("ignore_eos", True),
        ("skip_special_tokens", False),
        ("include_reasoning", False),
        ("enable_thinking", False),
        ("parallel_tool_calls", 0),
        ("guided_json", {}),
        ("chat_template_kwargs", "thinking"),
        ("n", False),
        ("colour", "red"),
    ],
)
def test_values_that_ask_for_what_there_is_not_are_refused_by_their_field(field: str, value: object) -> None:
    refused = refusal(**{field: value})
    assert refused.param == f"body.{field}"
    assert names(refused.message, refused.param)


@pytest.mark.parametrize(
    ("field", "value", "place"),
    [
        ("response_format", {"type": "json_object"}, "type"),
        ("stream_options", {"include_usage": True}, "include_usage"),
        ("reasoning", {"effort": "medium", "max_tokens": 500}, "max_tokens"),
        ("thinking", {"type": "enabled", "budget_tokens": 500}, "budget_tokens"),
        ("chat_template_kwargs", {"enable_thinking": True, "language": "fr"}, "language"),
    ],
)
def test_what_a_field_asks_for_inside_is_refused_by_its_place(
    field: str, value: dict[str, Any], place: str
) -> None:
    assert refusal(**{field: value}).param == f"body.{field}.{place}"


def test_null_asks_for_nothing_in_our_own_fields_too() -> None:
    assert reads(specreason={"threshold": None, "temperature": None, "seed": None}).fields == {}


@pytest.mark.parametrize(
    "asked",
    [
        {"chat_template_kwargs": {"enable_thinking": False}},
        {"chat_template_kwargs": {"thinking": False}},
        {"enable_thinking": False},
        {"thinking": {"type": "disabled"}},
        {"reasoning": {"enabled": False}},
    ],
)
def test_who_asks_for_no_thinking_is_told_that_it_is_what_the_server_does(asked: dict[str, Any]) -> None:
    refused = refusal(**asked)
    assert refused.code == "unsupported_parameter"
    assert names(refused.message, "reasoning", "does")


@pytest.mark.parametrize(
    "label",
    [
        {"name": "alice"},
        {"cache_control": {"type": "ephemeral"}},
        {"id": 1947, "opts": {"visible": False}},
        {"name": None, "tool_calls": None, "refusal": None, "function_call": None, "audio": None},
        {"annotations": [], "reasoning_content": "Two and two.", "timestamp": "2026-01-01"},
    ],
)
def test_labels_of_messages_and_their_parts_are_ignored(label: dict[str, Any]) -> None:
    assert reads(messages=[USER | label]).problem == reads().problem
    part = {"type": "text", "text": "What is 2 + 2?", **label}
    assert reads(messages=[USER | {"content": [part]}]).problem == reads().problem


@pytest.mark.parametrize("seed", [-(2**63), -1, 0, 2**31, 2**53 + 1, 2**63 - 1])
def test_a_seed_of_64_bits_is_kept_exactly(seed: int) -> None:
    assert reads(seed=seed).problem.seed == seed
    assert reads(specreason={"seed": seed}).problem.seed == seed


@pytest.mark.parametrize("seed", [-(2**63) - 1, 2**63, 10**400, 1.5, "7", True, [7]])
def test_a_seed_of_more_bits_or_of_none_is_refused(seed: object) -> None:
    assert refusal(seed=seed).param == "body.seed"


def test_whole_numbers_may_have_decimals_as_tables_write_them() -> None:
    line = reads(seed=7.0, n=2.0, top_k=20.0, max_tokens=600.0)
    assert (line.seed, line.fields, line.most_tokens) == (7, {"repeats": 2, "top_k": 20}, 600)
    assert refusal(n=2.5).param == "body.n"


@pytest.mark.parametrize("url", SPELLINGS)
def test_an_endpoint_is_known_in_each_of_its_spellings(url: str) -> None:
    endpoint = endpoint_of(url)
    assert endpoint is not None
    assert url.endswith(endpoint.value.removeprefix("/v1"))
    if endpoint is Endpoint.CHAT:
        assert read_line(row() | {"url": url, "method": "post"}) == reads()
    else:
        with pytest.raises(LineInvalid) as refused:
            read_line(row() | {"url": url})
        assert (refused.value.code, refused.value.param) == ("url_mismatch", "url")


@pytest.mark.parametrize(
    "url", ["/v1/embeddings", "/v2/chat/completions", "chat/completions", "", 7, ["/v1"]]
)
def test_any_other_url_does_not_match(url: object) -> None:
    with pytest.raises(LineInvalid) as refused:
        read_line(row() | {"url": url})
    assert (refused.value.code, refused.value.param) == ("url_mismatch", "url")
    assert names(refused.value.message, Endpoint.CHAT)


@pytest.mark.parametrize(
    ("given", "lacks"),
    [
        ({}, ["custom_id", "method", "url", "body"]),
        ({"custom_id": "a", "body": None}, ["method", "url", "body"]),
        ({"custom_id": None, "body": {}}, ["custom_id", "method", "url", "body.model", "body.messages"]),
        (row(model=None), ["body.model"]),
        (row(messages=[{"name": "x"}]), ["body.messages[0].role", "body.messages[0].content"]),
        (row(model=None, messages=[USER, {"role": "user"}]), ["body.model", "body.messages[1].content"]),
    ],
)
def test_one_refusal_names_everything_that_is_missing(given: dict[str, Any], lacks: list[str]) -> None:
    with pytest.raises(LineInvalid) as refused:
        read_line(given)
    assert (refused.value.code, refused.value.param) == ("missing_required_parameter", lacks[0])
    assert refused.value.message.split(": ")[0].split(", ") == lacks


def test_a_line_may_have_labels_and_no_other_keys() -> None:
    assert read_line(row() | {"id": 7, "metadata": {"a": 1}, "colour": None}) == reads()
    with pytest.raises(LineInvalid) as refused:
        read_line(row() | {"colour": "red"})
    assert refused.value.param == "colour"


def given(name: str) -> io.BytesIO:
    return io.BytesIO((DATA / name).read_bytes())


def test_a_given_file_with_labels_and_nulls_is_taken_whole() -> None:
    (part,) = read_parts(given("labels.jsonl"), load_pairs(), max_lines=9, max_jobs=9)
    assert [(each.problem_id, each.messages is None) for each in part.problems] == [
        ("name", True),
        ("cache", False),
        ("id", True),
        ("nulls", True),
    ]


def test_a_given_file_with_vllms_fields_is_refused_for_the_one_that_asks_for_no_thinking() -> None:
    with pytest.raises(Refused) as refused:
        read_parts(given("vllm-fields.jsonl"), load_pairs(), max_lines=9, max_jobs=9)
    (error,) = refused.value.errors
    assert (error["line"], error["param"]) == (2, "body.chat_template_kwargs.enable_thinking")
    others = b"".join(line for number, line in enumerate(given("vllm-fields.jsonl")) if number != 1)
    parts = read_parts(io.BytesIO(others), load_pairs(), max_lines=9, max_jobs=9)
    taken = {each.problem_id: part.config.top_k for part in parts for each in part.problems}
    assert taken.keys() == {"thinking-on", "neutral", "asks"}
    assert (taken["neutral"], taken["asks"]) == (0, 20)


def test_the_lines_of_a_given_file_are_refused_with_openais_codes() -> None:
    with pytest.raises(Refused) as refused:
        read_parts(given("codes.jsonl"), load_pairs(), max_lines=9, max_jobs=9)
    assert [(error["line"], error["code"]) for error in refused.value.errors] == [
        (1, "invalid_json_line"),
        (3, "duplicate_custom_id"),
        (4, "model_mismatch"),
        (5, "url_mismatch"),
        (6, "invalid_method"),
    ]


@pytest.mark.parametrize(
    ("content", "fact"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12\n", "git lfs pull"),
        (b"<!DOCTYPE html><title>Sign in</title>\n<p>\n", "Sign in"),
        (b"PK\x03\x04 xl/workbook.xml", "CSV UTF-8"),
        (b"problem,answer\nWhat is 2 + 2?,4\n", "CSV"),
        (json.dumps([row(), row()], indent=1).encode(), "list"),
        (json.dumps([row(), row()]).encode(), "list"),
        (json.dumps(row(), indent=1).encode(), "line"),
        (json.dumps(row()).encode("utf-16"), "UTF-16"),
        (gzip.compress(b"x", mtime=0), "gzip"),
    ],
)
def test_a_file_that_is_no_jsonl_is_named_for_what_it_is(content: bytes, fact: str) -> None:
    with pytest.raises(Refused) as refused:
        read_parts(io.BytesIO(content), load_pairs(), max_lines=9, max_jobs=9)
    (error,) = refused.value.errors
    assert (error["line"], error["code"]) == (1, "invalid_json_line")
    assert fact in error["message"]


@pytest.mark.parametrize(
    ("content", "codes"),
    [
        (b"", ["empty_file"]),
        (b"\n \n", ["empty_file"]),
        (b"[1]", ["invalid_json_line"]),
        (json.dumps(row(model="gpt-9")).encode(), ["model_not_found"]),
        (
            b"\n".join([json.dumps(row() | {"custom_id": str(n)}).encode() for n in range(10)]),
            ["too_many_tasks"],
        ),
    ],
)
def test_a_file_that_is_wrong_as_a_whole_has_openais_code(content: bytes, codes: list[str]) -> None:
    with pytest.raises(Refused) as refused:
        read_parts(io.BytesIO(content), load_pairs(), max_lines=9, max_jobs=99)
    assert [error["code"] for error in refused.value.errors] == codes


def test_the_sampling_of_vllms_own_clients_is_understood_beside_openais() -> None:
    fields = reads(top_k=20, min_p=0.1, top_p=0.5, specreason={"drafter_top_k": 0}).fields
    assert fields == {"top_k": 20, "min_p": 0.1, "top_p": 0.5, "drafter_top_k": 0}
    assert refusal(top_k=20, specreason={"top_k": 20}).param == "body.specreason.top_k"
    assert reads(top_k=-1, min_p=0.0).fields == {"top_k": 0, "min_p": 0}
    assert refusal(top_k=-2).param == "body.top_k"


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
