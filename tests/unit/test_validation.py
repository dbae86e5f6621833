"""What a user reads of a wrong value: one plain sentence for each kind of error, and never pydantic's own."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import AwareDatetime, BaseModel, TypeAdapter, ValidationError

from api.native.bodies import BatchBody, GridBody
from api.native.controls import Deadline, Priority, Requeue
from api.openai.batches import CreateBatch, OutputExpiresAfter
from api.openai.requests.bodies import Body, ResponseBody
from specreason.config import RunConfig
from specreason.pairs import ModelConfig, PairConfig, SpeculationConfig
from specreason.settings import Settings
from specreason.submission.columns import Columns
from specreason.submission.problem import Problem
from specreason.validation import (
    AT_A_PLACE,
    PATTERNS,
    SENTENCES,
    UNKNOWN_KEY,
    first_invalid_field,
    invalid_field,
)
from tests.support.messages import names

MODELS: tuple[type[BaseModel], ...] = (
    BatchBody,
    GridBody,
    RunConfig,
    Problem,
    Columns,
    Deadline,
    Priority,
    Requeue,
    CreateBatch,
    OutputExpiresAfter,
    Body,
    ResponseBody,
    PairConfig,
    ModelConfig,
    SpeculationConfig,
    Settings,
)
# A value of every type and beyond every bound.
WRONG: tuple[Any, ...] = (
    *(None, True, 0, 5, -1, -1000, 2**31, 10**400, 1.5, float("nan"), float("inf"), 1e300),
    *("", " ", "x", "7", "1e999", "x" * 300_000, "\0", "\ud800", "2026-12-24", "2026-12-24T18:00:00"),
    *([], [0], [None], ["x"], [{}], [[]], ["failed"] * 100),
    *({}, {"x": 0}, {"\ud800": 0}, {"x": "y"}, {"problem": 5}),
)
OURS = {"value_error", UNKNOWN_KEY, AT_A_PLACE, "enum", "literal_error", "string_pattern_mismatch"}
# Words that mean something to pydantic only.
JARGON = re.compile(r"[Ii]nput should|instance of|[Tt]uple|valid dictionary|pattern '|after validation|parse")
FILE = {"input_file_id": "f", "endpoint": "/v1/chat/completions", "completion_window": "24h"}


def errors_of(model: Any, given: Any) -> list[dict[str, Any]]:
    try:
        model.model_validate(given) if isinstance(model, type) else model.validate_python(given)
    except ValidationError as error:
        return list(error.errors())  # type: ignore[arg-type]
    return []


def refusal(model: Any, given: Any) -> str:
    return str(invalid_field(errors_of(model, given)[0]))


def wrong_inputs() -> Iterator[tuple[type[BaseModel], Any]]:
    for model in MODELS:
        for value in WRONG:
            if model is not Settings:
                yield model, value
            # Every field at once: a model reports all that is wrong.
            yield model, dict.fromkeys(model.model_fields, value)


def test_every_error_that_our_models_produce_has_a_sentence() -> None:
    seen = set()
    for model, given in wrong_inputs():
        for complaint in errors_of(model, given):
            seen.add(complaint["type"])
            sentence = str(invalid_field(complaint))
            assert not JARGON.search(sentence), sentence
            assert "\n" not in sentence
    assert seen <= SENTENCES.keys() | OURS
    assert len(seen) > 20


def test_every_pattern_of_our_models_is_put_in_words() -> None:
    patterns = set()
    for model in MODELS:
        found = re.findall(r'"pattern": ("(?:[^"\\]|\\.)*")', json.dumps(model.model_json_schema()))
        patterns |= {json.loads(each) for each in found}
    assert patterns
    assert patterns <= PATTERNS.keys()


@pytest.mark.parametrize(
    ("model", "given", "field", "facts"),
    [
        (BatchBody, {}, "problems", ["required"]),
        (BatchBody, {"problems": []}, "problems", ["at least 1"]),
        (BatchBody, {"problems": 5}, "problems", ["list", 5]),
        (BatchBody, {"problems": [0]}, "problems[0]", ["object", 0]),
        (BatchBody, {"problems": [{"problem": 5}]}, "problems[0].problem", ["string", 5]),
        (BatchBody, {"problems": [{"problem": " "}]}, "problems[0].problem", ["at least 1 character"]),
        (
            BatchBody,
            {"problems": [{"problem": "x" * 200_001}]},
            "problems[0].problem",
            ["200,000 characters"],
        ),
        (BatchBody, {"problems": [{"problem": "x", "anwser": "4"}]}, "problems[0].anwser", ["'answer'"]),
        (BatchBody, {"metadata": 5}, "metadata", ["object", 5]),
        (BatchBody, {"config": 5}, "config", ["object", 5]),
        (RunConfig, {"treshold": 7}, "treshold", ["unknown", "'threshold'"]),
        (RunConfig, {"threshold": 10}, "threshold", ["at most 9", 10]),
        (RunConfig, {"threshold": -1}, "threshold", ["at least 0", -1]),
        (RunConfig, {"threshold": "high"}, "threshold", ["number", "'high'"]),
        (RunConfig, {"threshold": float("nan")}, "threshold", ["at most 9", "nan"]),
        (RunConfig, {"threshold": True}, "threshold", ["true or false"]),
        (RunConfig, {"top_p": 0}, "top_p", ["more than 0"]),
        (RunConfig, {"top_k": 1.5}, "top_k", ["whole number", "1.5"]),
        (RunConfig, {"drafter_min_p": 2}, "drafter_min_p", ["at most 1", 2]),
        (RunConfig, {"seed": 2**63}, "seed", ["at most 9223372036854775807"]),
        (RunConfig, {"seed": "x"}, "seed", ["whole number", "'x'"]),
        (RunConfig, {"seed": 1.5}, "seed", ["whole number", "1.5"]),
        (RunConfig, {"overlap": "maybe"}, "overlap", ["true or false", "'maybe'"]),
        (RunConfig, {"scheme": "specreson"}, "scheme", ["'drafter'", "'specreson'", "mean 'specreason'"]),
        (RunConfig, {"on_budget": "anser"}, "on_budget", ["'answer' or 'stop'", "mean 'answer'"]),
        (RunConfig, {"delimiter": "a\0"}, "delimiter", ["NUL"]),
        (RunConfig, {"delimiter": ""}, "delimiter", ["at least 1 character"]),
        (RunConfig, {"max_same_steps": 1}, "max_same_steps", ["0 or at least 2"]),
        (
            GridBody,
            {"problems": [{"problem": "x"}], "grid": {"threshold": [5] * 65}},
            "grid.threshold",
            ["64 items"],
        ),
        (Requeue, {"states": ["sucess"]}, "states[0]", ["'failed'", "'sucess'", "mean 'succeeded'"]),
        (
            Deadline,
            {"deadline_at": "tomorrow"},
            "deadline_at",
            ["time", "2026-12-24T18:00:00Z", "'tomorrow'"],
        ),
        (Deadline, {"deadline_at": "2026-12-24T18:00:00"}, "deadline_at", ["zone"]),
        (Priority, {"priority": None}, "priority", ["whole number", "null"]),
        (CreateBatch, FILE | {"endpoint": "/v1/embeddings"}, "endpoint", ["'/v1/chat/completions'"]),
        (CreateBatch, FILE | {"completion_window": "123456789"}, "completion_window", ["8 characters"]),
        (
            Body,
            {"model": "x", "messages": [{"role": "user", "content": 5}]},
            "messages[0].content",
            ["text parts", 5],
        ),
        (
            ResponseBody,
            {"model": "x", "input": [{"role": "user", "content": [{"type": "image_url"}]}]},
            "input[0].content[0].type",
            ["'text'"],
        ),
        (PairConfig, {"prompt": "x"}, "prompt", ["{problem}"]),
    ],
)
def test_a_wrong_value_is_refused_in_plain_words(
    model: type[BaseModel], given: Any, field: str, facts: list[object]
) -> None:
    with pytest.raises(ValidationError) as raised:
        model.model_validate(given)
    complaints = [invalid_field(each) for each in raised.value.errors()]  # type: ignore[arg-type]
    (reason,) = [each.reason for each in complaints if each.field == field]
    assert names(reason, *facts), reason


def test_an_id_and_a_time_of_a_query_are_refused_in_plain_words() -> None:
    from uuid import UUID

    assert names(refusal(TypeAdapter(UUID), "7"), "UUID", "'7'")
    assert names(refusal(TypeAdapter(AwareDatetime), {}), "time")


def test_a_prefix_and_a_place_make_the_path_as_a_user_writes_it() -> None:
    with pytest.raises(ValidationError) as raised:
        GridBody.model_validate({"problems": [{"problem": "x"}], "grid": {"threshold": [5, "x"]}})
    assert first_invalid_field(raised.value, prefix="body.").field == "body.grid.threshold[1]"
    with pytest.raises(ValidationError) as raised:
        RunConfig.model_validate([])
    assert first_invalid_field(raised.value, prefix="config.").field == "config"
