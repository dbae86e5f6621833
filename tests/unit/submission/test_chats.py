"""Problems that are chats: what is taken, what is refused and by which place, and what a plain problem is to them."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from api.native.bodies import BatchBody
from specreason.cli.dataset.tokens import BYTES_PER_TOKEN, counter_of
from specreason.errors import InvalidField
from specreason.store.queue.problems import NewProblem, check
from specreason.submission.chat import (
    LONGEST,
    MOST_MESSAGES,
    Message,
    messages_of,
    spelled,
    stored_messages,
    to_json,
    user_turn,
    wrapped,
)
from specreason.submission.columns import DEFAULT_COLUMNS, Columns
from specreason.submission.datasets import Format, read_rows
from specreason.submission.intake import Intake
from specreason.submission.problem import Problem, problem_of
from specreason.validation import first_invalid_field
from tests.support.messages import names

QUESTION = "What is 2 + 2?"
USER = {"role": "user", "content": QUESTION}
SYSTEM = {"role": "system", "content": "Be brief."}
CHAT = [SYSTEM, {"role": "user", "content": "1 + 1?"}, {"role": "assistant", "content": "2"}, USER]
MESSAGES = (
    Message("system", "Be brief."),
    Message("user", "1 + 1?"),
    Message("assistant", "2"),
    Message("user", QUESTION),
)


def refusal(value: object) -> InvalidField:
    with pytest.raises(InvalidField) as refused:
        messages_of(value)
    return refused.value


def refusal_of_body(problem: dict[str, Any]) -> InvalidField:
    with pytest.raises(ValidationError) as refused:
        BatchBody.model_validate({"problems": [problem]})
    return first_invalid_field(refused.value)


@pytest.mark.parametrize("keys", [{}, {"name": "Ann", "weight": 0, "cache_control": {"type": "ephemeral"}}])
@pytest.mark.parametrize(
    "nothing", [{}, {"tool_calls": None, "function_call": None, "audio": None, "images": []}]
)
def test_a_chat_is_its_roles_and_texts_whatever_labels_its_messages_have(
    keys: dict[str, Any], nothing: dict[str, Any]
) -> None:
    assert messages_of([{**keys, **each, **nothing} for each in CHAT]) == MESSAGES
    # As pyarrow returns a struct: the keys of a table are in another order, and absent ones are null.
    assert messages_of(tuple({"content": each["content"], "role": each["role"]} for each in CHAT)) == MESSAGES


@pytest.mark.parametrize("kind", ["text", "input_text"])
def test_content_in_parts_is_one_text_with_a_part_in_each_line(kind: str) -> None:
    parts = [{"type": kind, "text": "1 +", "image_url": None}, {"type": kind, "text": " 1?\n"}]
    assert messages_of([{"role": "user", "content": parts}]) == user_turn("1 +\n 1?")


def test_white_space_around_messages_and_instructions_without_text_are_dropped() -> None:
    blank = [{"role": "developer", "content": " \n"}, {"role": "assistant", "content": ""}]
    assert messages_of([*blank, {"role": "user", "content": f"\n {QUESTION}\t"}]) == (
        Message("assistant", ""),
        *user_turn(QUESTION),
    )


@pytest.mark.parametrize(
    ("value", "place", "facts"),
    [
        ([], "", ["list of messages"]),
        ({}, "", ["list of messages"]),
        (None, "", ["list of messages"]),
        ("What?", "", ["list of messages"]),
        ([USER, "What?"], "[1]", ["'role'", "'content'", "What?"]),
        ([["user", "What?"]], "[0]", ["'role'"]),
        ([{"content": "What?"}], "[0].role", ["required"]),
        ([{"role": "user"}], "[0].content", ["required"]),
        ([{"role": "user", "content": None}], "[0].content", ["required"]),
        ([{"from": "human", "value": "What?"}], "[0].role", ["'from'", "'value'", "'role'", "'content'"]),
        ([{"role": "tool", "content": "4"}, USER], "[0].role", ["'tool'", "'assistant'"]),
        ([{"role": "human", "content": "4"}, USER], "[0].role", ["'human'", "'user'"]),
        ([{"role": ["user"], "content": "4"}], "[0].role", ["'user'"]),
        ([{"role": "user", "content": 4}], "[0].content", ["text", "4"]),
        ([{"role": "user", "content": []}], "[0].content", ["text parts"]),
        ([{"role": "user", "content": ["a"]}], "[0].content[0]", ["'type'", "'a'"]),
        (
            [{"role": "user", "content": [{"type": "image_url"}]}],
            "[0].content[0].type",
            ["image_url", "text"],
        ),
        ([{"role": "user", "content": [{"type": "text"}]}], "[0].content[0].text", ["required"]),
        ([{"role": "user", "content": [{"type": "text", "text": 5}]}], "[0].content[0].text", ["5"]),
        ([{"role": "assistant", "content": "4", "tool_calls": [{}]}, USER], "[0].tool_calls", ["text alone"]),
        ([{**USER, "images": ["x.png"]}], "[0].images", ["text alone"]),
        ([USER, {"role": "assistant", "content": "4"}], "[1].role", ["last", "assistant"]),
        ([SYSTEM], "[0].role", ["last", "system"]),
        ([USER, {"role": "user", "content": " \n"}], "[1].content", ["at least 1 character"]),
        ([{"role": "user", "content": "nul \0"}], "[0].content", ["NUL"]),
        ([{"role": "user", "content": "half \ud800"}], "[0].content", ["surrogate"]),
        ([USER] * (MOST_MESSAGES + 1), "", ["1,001 messages", "1,000"]),
        ([{"role": "user", "content": "x" * (LONGEST // 2 + 1)}] * 2, "", ["200,000", "200,002"]),
    ],
)
def test_a_chat_that_cannot_be_read_is_refused_by_the_place_in_it(
    value: object, place: str, facts: list[str]
) -> None:
    refused = refusal(value)
    assert refused.field == place
    assert names(refused.reason, *facts)


def test_a_chat_is_taken_as_problem_as_messages_and_from_any_column() -> None:
    (one,) = BatchBody.model_validate({"problems": [{"problem": CHAT}]}).problems
    (other,) = BatchBody.model_validate({"problems": [{"messages": CHAT}]}).problems
    named = problem_of({"prompt": CHAT, "answer": "4", "level": 3}, Columns(problem="prompt"))
    for problem in (one, other, named):
        assert (problem.problem, problem.messages, problem.turns) == (QUESTION, MESSAGES, MESSAGES)
    assert (named.answer, named.source) == ("4", {"level": 3})
    file = io.BytesIO(json.dumps({"problem": CHAT}).encode())
    read = Intake({}, str).problems(read_rows(file, Format.JSONL))
    assert [problem.messages for _, problem in read] == [MESSAGES]


LABELLED = [{"name": "ada", **each} for each in CHAT]


@pytest.mark.parametrize(
    "text",
    [json.dumps(CHAT), repr(CHAT), f" {json.dumps(CHAT, indent=1)}\n", json.dumps(LABELLED), repr(LABELLED)],
)
def test_a_table_may_spell_a_chat_as_json_or_as_python_prints_it(text: str) -> None:
    assert problem_of({"problem": text}, DEFAULT_COLUMNS).messages == MESSAGES


@pytest.mark.parametrize(
    "text",
    [
        "[1, 2] + [3]?",
        "[{'a': 1}] has how many keys?",
        '[{"name": "ada", "age": 4}]',
        '{"role": "user"}',
        "role: user",
    ],
)
def test_other_texts_in_brackets_are_plain_problems(text: str) -> None:
    problem = problem_of({"problem": text}, DEFAULT_COLUMNS)
    assert (problem.problem, problem.messages) == (text, None)


@pytest.mark.parametrize(
    "text", ["[{'role': 'user', 'content': 'a'}\n {'role': 'user'}]", '[{"role": "user"', "[{'role':" * 900]
)
def test_a_text_that_begins_as_a_chat_and_is_none_is_refused(text: str) -> None:
    with pytest.raises(InvalidField, match=r"^line 2: problem: .*messages"):
        problem_of({"problem": text}, DEFAULT_COLUMNS, prefix="line 2: ")


@pytest.mark.parametrize(
    ("problem", "place"),
    [
        ({"problem": [{"role": "user"}]}, "problems[0].problem[0].content"),
        ({"messages": [USER, SYSTEM]}, "problems[0].messages[1].role"),
        ({"messages": 5}, "problems[0].messages"),
        ({"problem": QUESTION, "messages": CHAT}, "problems[0].messages"),
        ({"problem": []}, "problems[0].problem"),
        ({"problem": 5}, "problems[0].problem"),
        ({"problem": None}, "problems[0].problem"),
        ({"problem": CHAT, "anwser": "4"}, "problems[0].anwser"),
    ],
)
def test_a_submission_is_refused_by_the_place_in_the_chat(problem: dict[str, Any], place: str) -> None:
    assert refusal_of_body(problem).field == place


def test_a_row_is_refused_by_its_own_column_and_the_place_in_the_chat() -> None:
    with pytest.raises(InvalidField) as refused:
        problem_of({"prompt": [USER, {"role": "user"}]}, Columns(problem="prompt"), prefix="row 3: ")
    assert refused.value.field == "row 3: prompt[1].content"


def test_a_chat_of_one_user_turn_is_the_plain_problem() -> None:
    chat, plain = (Problem.model_validate({"problem": each}) for each in ([USER], f" {QUESTION}\n"))
    assert chat == plain
    assert NewProblem.of(chat).messages is None
    assert plain.turns == user_turn(QUESTION)
    assert spelled(plain.turns) == QUESTION


def test_chats_that_differ_in_any_message_are_spelled_differently() -> None:
    others = [
        (*MESSAGES[:place], changed, *MESSAGES[place + 1 :])
        for place, message in enumerate(MESSAGES)
        for changed in (replace(message, content="x"), replace(message, role="developer"))
    ]
    found = {spelled(each) for each in (MESSAGES, MESSAGES[1:], MESSAGES[-1:], *others)}
    assert len(found) == 3 + len(others)


def test_a_stored_chat_is_read_back_as_it_was() -> None:
    assert stored_messages(QUESTION, json.loads(json.dumps(to_json(MESSAGES)))) == MESSAGES
    assert stored_messages(QUESTION, None) == user_turn(QUESTION)


def test_the_pairs_prompt_goes_around_the_last_user_turn() -> None:
    asked = wrapped(MESSAGES, "Think. {problem} Answer!")
    assert asked == (*MESSAGES[:-1], Message("user", f"Think. {QUESTION} Answer!"))
    assert wrapped(user_turn("{problem}"), "{problem}?") == user_turn("{problem}?")


def test_a_chat_built_by_a_program_is_checked_before_it_is_stored() -> None:
    wrong = NewProblem(text="x", messages=(Message("system", "nul \0"), *user_turn("x")))
    with pytest.raises(InvalidField, match=r"^problems\[0\]\.messages\[0\]\.content: .*NUL"):
        check([wrong])


def test_tokens_are_counted_in_all_messages() -> None:
    counter = counter_of("no such pair")
    length = sum(len(message.content) for message in MESSAGES)
    assert counter.count(MESSAGES) == round(length / BYTES_PER_TOKEN)
    assert counter.count(user_turn("")) == 1
