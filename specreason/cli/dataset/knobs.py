"""The knobs of a run as options of a command. Their descriptions, ranges and defaults are those of RunConfig."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from specreason.config import RunConfig

RUN, SPEED, LIMITS, SAMPLING = "The run", "Speed", "Limits", "Sampling"
# A longer list of choices would leave no room for the help beside it.
LONGEST_METAVAR = 20
_SCHEMA = RunConfig.model_json_schema()


def _knob(name: str, panel: str, note: str = "") -> Any:
    """The option for one knob."""
    schema = _schema_of(name)
    choices: list[str] = schema.get("enum", [])
    default = schema.get("default")
    parts = (
        schema["description"],
        f"One of {', '.join(choices)}." if len("|".join(choices)) > LONGEST_METAVAR else "",
        note,
        "" if default is None else f"Default: {default if default in choices else json.dumps(default)}.",
    )
    return typer.Option(
        help=" ".join(filter(None, parts)),
        metavar=_metavar(name, schema),
        rich_help_panel=panel,
        autocompletion=(lambda incomplete: [each for each in choices if each.startswith(incomplete)])
        if choices
        else None,
    )


def _schema_of(name: str) -> dict[str, Any]:
    """The JSON Schema of a knob, without references and without null."""
    outer: dict[str, Any] = _SCHEMA["properties"][name]
    inner: dict[str, Any] = next((each for each in outer.get("anyOf", ()) if each.get("type") != "null"), {})
    reference: str = outer.get("$ref", "")
    named = _SCHEMA["$defs"][reference.rpartition("/")[2]] if reference else {}
    return {**named, **inner, **outer}


def _metavar(name: str, schema: Mapping[str, Any]) -> str | None:
    """The choices or the range of a knob, for the column of types."""
    choices = "|".join(schema.get("enum", ()))
    if choices:
        return choices if len(choices) <= LONGEST_METAVAR else name.upper()
    low, high = schema.get("minimum"), schema.get("maximum")
    if "exclusiveMaximum" in schema:
        high = schema["exclusiveMaximum"] - 1
    if "exclusiveMinimum" in schema:
        return f"<above {schema['exclusiveMinimum']} to {high}>"
    if low is None:
        return None
    return f"<{low} or more>" if high is None else f"<{low} to {high}>"


Scheme = Annotated[str | None, _knob("scheme", RUN)]
Threshold = Annotated[float | None, _knob("threshold", RUN)]
ScoreMethod = Annotated[str | None, _knob("score_method", RUN)]
FirstStepsOnBase = Annotated[int | None, _knob("first_steps_on_base", RUN)]
AnswerBy = Annotated[str | None, _knob("answer_by", RUN)]
Delimiter = Annotated[str | None, _knob("delimiter", RUN, r"`\n` and `\t` stand for a line break and a tab.")]

Overlap = Annotated[bool | None, _knob("overlap", SPEED)]
Adaptive = Annotated[bool | None, _knob("adaptive", SPEED)]

TokenBudget = Annotated[int | None, _knob("token_budget", LIMITS)]
OnBudget = Annotated[str | None, _knob("on_budget", LIMITS)]
MinStepTokens = Annotated[int | None, _knob("min_step_tokens", LIMITS)]
MaxStepTokens = Annotated[int | None, _knob("max_step_tokens", LIMITS)]
MaxSteps = Annotated[int | None, _knob("max_steps", LIMITS)]
MaxAnswerTokens = Annotated[int | None, _knob("max_answer_tokens", LIMITS)]
MaxSameSteps = Annotated[int | None, _knob("max_same_steps", LIMITS)]

Temperature = Annotated[float | None, _knob("temperature", SAMPLING)]
TopP = Annotated[float | None, _knob("top_p", SAMPLING)]
TopK = Annotated[int | None, _knob("top_k", SAMPLING)]
MinP = Annotated[float | None, _knob("min_p", SAMPLING)]
DrafterTemperature = Annotated[float | None, _knob("drafter_temperature", SAMPLING)]
DrafterTopP = Annotated[float | None, _knob("drafter_top_p", SAMPLING)]
DrafterTopK = Annotated[int | None, _knob("drafter_top_k", SAMPLING)]
DrafterMinP = Annotated[float | None, _knob("drafter_min_p", SAMPLING)]
Seed = Annotated[int | None, _knob("seed", SAMPLING)]
Repeats = Annotated[int | None, _knob("repeats", SAMPLING)]
FirstRepeat = Annotated[int | None, _knob("first_repeat", SAMPLING)]


def chosen_knobs(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The knobs among a command's parameters that the user chose."""
    knobs = {name: parameters[name] for name in RunConfig.model_fields if parameters.get(name) is not None}
    if "delimiter" in knobs:
        knobs["delimiter"] = knobs["delimiter"].replace(r"\n", "\n").replace(r"\t", "\t")
    return knobs
