"""The options of a submission: what a form says of them, and that each surface shows all of them."""

from __future__ import annotations

from inspect import signature
from typing import Any

import pytest

from api.native.bodies import BATCH, GRID
from specreason.cli.submit import submit
from specreason.client.submission import Arguments, ArgumentsAndKnobs, Knobs, options_of
from specreason.config import RunConfig
from specreason.errors import InvalidField
from specreason.submission.form import from_form, to_form
from specreason.submission.options import GridOptions, Options

SAID: dict[str, Any] = {
    "name": "aime",
    "pair": "demo",
    "config": {"seed": 1, "repeats": 2},
    "priority": -3,
    "deadline_s": 1.5,
    "metadata": {"by": "me", "nested": [1, None]},
    "mapping": {"problem": "question"},
    "skip_invalid": True,
    "grid": {"scheme": ["base"], "threshold": [5, 7]},
}


def test_what_a_form_says_is_read_back_as_the_same_options() -> None:
    assert SAID.keys() == GridOptions.model_fields.keys()
    read = GridOptions.model_validate(from_form(to_form(SAID)))
    assert read == GridOptions.model_validate(SAID)


def test_options_that_say_nothing_are_not_sent() -> None:
    assert to_form({}) == {"pair": "demo"}
    assert to_form({"pair": "demo", "name": "", "priority": 0, "metadata": {}, "mapping": None}) == {
        "pair": "demo"
    }
    assert to_form({"deadline_s": 0}) == {"pair": "demo", "deadline_s": "0"}  # to be refused
    assert to_form({"grid": {"threshold": [5, 7]}})["grid"] == '{"threshold":[5,7]}'


def test_an_option_that_does_not_exist_is_the_callers_mistake() -> None:
    with pytest.raises(TypeError, match="'treshold'"):
        to_form({"treshold": 7})


@pytest.mark.parametrize("field", ["config", "metadata", "mapping", "grid"])
def test_a_field_that_is_not_json_is_named(field: str) -> None:
    with pytest.raises(InvalidField, match=f"^{field}: "):
        from_form({field: "{"})


def test_every_option_is_documented_and_is_an_argument_of_client_and_command_line() -> None:
    def documented(doc: dict[str, Any]) -> set[str]:
        return set(doc["requestBody"]["content"]["multipart/form-data"]["schema"]["properties"])

    assert documented(BATCH.documentation()) == {*Options.model_fields, "file", "file_id", "format"}
    assert documented(GRID.documentation()) == {*GridOptions.model_fields, "file", "file_id", "format"}
    assert set(Arguments.__annotations__) == {*Options.model_fields, "filename", "within_s"}
    # The command line names the columns one by one.
    assert set(signature(submit).parameters) >= GridOptions.model_fields.keys() - {"mapping"}


def test_every_knob_is_an_argument_of_the_client() -> None:
    assert set(Knobs.__annotations__) == set(RunConfig.model_fields)
    assert not set(Knobs.__annotations__) & set(Arguments.__annotations__)


def test_knobs_by_name_and_knobs_in_the_configuration_are_one_configuration() -> None:
    together: ArgumentsAndKnobs = {"name": "n", "config": {"seed": 1}, "scheme": "base", "threshold": 7}
    assert options_of(together) == {"name": "n", "config": {"seed": 1, "scheme": "base", "threshold": 7}}
    assert options_of({}) == {}


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"treshold": 7}, "^treshold: .*'threshold'"),
        ({"config": {"seed": 1}, "seed": 1}, "^seed: "),
        ({"nmae": "x"}, "^nmae: .*'name'"),
    ],
)
def test_an_argument_that_is_unknown_or_given_twice_is_refused_by_name(
    given: dict[str, Any], says: str
) -> None:
    with pytest.raises(InvalidField, match=says):
        options_of(given)
