"""Text that cannot be stored: refused in the same words wherever a user submits it, repaired where a model wrote it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from api.native.bodies import BatchBody
from api.openai.batches import CreateBatch
from api.openai.lines import LineInvalid, read_line
from specreason.cli.dataset.choices import validated
from specreason.errors import InvalidField
from specreason.store.queue.problems import NewProblem, check
from specreason.submission.columns import Columns
from specreason.submission.problem import problem_of
from specreason.submission.text import UNSTORABLE, check_json, check_text, checked_metadata, storable
from specreason.validation import first_invalid_field


def refusal_of_body(**fields: Any) -> str:
    with pytest.raises(ValidationError) as refused:
        BatchBody.model_validate({"problems": [{"problem": "1 + 1?"}], **fields})
    return str(first_invalid_field(refused.value))


def refusal_of_file_metadata(text: str) -> str:
    given = {"input_file_id": "f", "endpoint": "/v1/chat/completions", "completion_window": "24h"}
    with pytest.raises(ValidationError) as refused:
        CreateBatch.model_validate(given | {"metadata": {"k": text}})
    return str(first_invalid_field(refused.value))


def refusal_of_line(text: str) -> str:
    body = {"model": "demo", "messages": [{"role": "user", "content": text}]}
    with pytest.raises(LineInvalid) as refused:
        read_line({"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": body})
    return refused.value.message


def refusal_of_row(text: str) -> str:
    with pytest.raises(InvalidField) as refused:
        problem_of({"problem": text}, Columns())
    return str(refused.value)


def refusal_of_the_store(text: str) -> str:
    with pytest.raises(InvalidField) as refused:
        check([NewProblem(text=text)])
    return str(refused.value)


def refusal_of_the_command_line(text: str) -> str:
    with pytest.raises(InvalidField) as refused:
        validated({"metadata": {"by": text}}, None)
    return str(refused.value)


def refusal_of_stored_metadata(text: str) -> str:
    with pytest.raises(InvalidField) as refused:
        checked_metadata({text: 1})
    return str(refused.value)


@pytest.mark.parametrize("text", ["a\0", "\ud83e alone"])
@pytest.mark.parametrize(
    ("place", "refusal"),
    [
        ("problems[0].problem", lambda text: refusal_of_body(problems=[{"problem": text}])),
        ("problems[0].answer", lambda text: refusal_of_body(problems=[{"problem": "?", "answer": text}])),
        ("problems[0].id", lambda text: refusal_of_body(problems=[{"problem": "?", "id": text}])),
        ("metadata", lambda text: refusal_of_body(metadata={"deep": [{text: 1}]})),
        ("metadata", lambda text: refusal_of_body(metadata={"by": text})),
        ("metadata", refusal_of_file_metadata),
        ("--metadata", refusal_of_the_command_line),
        ("metadata", refusal_of_stored_metadata),
        ("body.messages[0].content", refusal_of_line),
        ("problem", refusal_of_row),
        ("problems[0].text", refusal_of_the_store),
    ],
)
def test_text_that_cannot_be_stored_is_refused_everywhere_in_the_same_words(
    place: str, refusal: Callable[[str], str], text: str
) -> None:
    assert refusal(text).startswith(f"{place}: {UNSTORABLE}")


@pytest.mark.parametrize("value", [None, 1, "plain ≠ 🧮", ["a", {"b": "c"}], {"a": {"b": [1.5, True, None]}}])
def test_what_can_be_stored_comes_back_as_it_is(value: Any) -> None:
    assert check_json(value) is value


def test_a_text_is_refused_exactly_where_it_would_be_repaired() -> None:
    assert check_text("🧮") == storable("🧮") == "🧮"
    with pytest.raises(ValueError, match="NUL"):
        check_text("\0")


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("plain ≠ 🧮", "plain ≠ 🧮"),
        ("a\0b\0", "a\ufffdb\ufffd"),
        ("\ud83e alone", "\ufffd alone"),
        ("\ud83e\uddee paired", "🧮 paired"),
        ("", ""),
    ],
)
def test_text_is_kept_but_for_what_postgres_cannot_hold(text: str, stored: str) -> None:
    assert storable(text) == stored
