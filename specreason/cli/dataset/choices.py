"""The options of a submission, from the command line and from files. This module finds their errors."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from specreason.config import RunConfig
from specreason.errors import InvalidField
from specreason.submission.form import parse_json
from specreason.submission.grid import Grid
from specreason.submission.options import GridOptions, Options
from specreason.validation import first_invalid_field
from specreason.words import shown, suggestion

GRID_KEYS = tuple(Grid.model_fields)


def run_config(given: str | None, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the knobs that the user chose; the server has the defaults. Options go before the file.

    Raises InvalidField for an unknown knob or an impossible value. It names an option as it is typed.
    """
    knobs = {name: value for name, value in options.items() if value is not None}
    chosen = json_object(given, "--config") | knobs
    try:
        RunConfig.model_validate(chosen)
    except ValidationError as error:
        invalid = first_invalid_field(error)
        field = _as_typed(invalid.field) if invalid.field in knobs else f"config.{invalid.field}"
        raise InvalidField(field, invalid.reason) from error
    return chosen


def json_object(given: str | None, option: str) -> dict[str, Any]:
    """Return the JSON object in `text`, or in the file of that name; an empty one for None."""
    if given is None:
        return {}
    text = given
    if not given.lstrip().startswith(("{", "[")):
        try:
            text = Path(given).read_text()
        except FileNotFoundError as error:
            raise InvalidField(option, f"{shown(given)} is no JSON object, and no file either") from error
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidField(option, f"the file {shown(given)} cannot be read ({error})") from error
    value = parse_json(text, option)
    if not isinstance(value, dict):
        raise InvalidField(option, "must be a JSON object")
    return value


def grid_of(given: Sequence[str], config: Mapping[str, Any]) -> dict[str, list[Any]] | None:
    """Return `scheme=base,specreason` and `threshold=5,7` as lists; None if there is no grid."""
    grid: dict[str, list[Any]] = {}
    for each in given:
        key, _, values = each.partition("=")
        if key not in GRID_KEYS or not values:
            forms = " or ".join(f"{known}=…,…" for known in GRID_KEYS)
            meant = "" if key in GRID_KEYS else suggestion(key, GRID_KEYS)
            raise InvalidField("--grid", f"must be {forms}, not {shown(each)}{meant}")
        if key in grid:
            raise InvalidField("--grid", f"names {key} twice; put its values into one: {key}=…,…")
        if key in config:
            raise InvalidField("--grid", f"{key} is in the configuration too")
        grid[key] = [_value(key, value.strip()) for value in values.split(",")]
    for key, choices in grid.items():
        for choice in choices:
            _check({**config, key: choice})
    return grid or None


def validated(options: Mapping[str, Any], grid: Mapping[str, Sequence[Any]] | None) -> Options:
    """Validate the options as the server does. `grid` is None for a single batch.

    Raises InvalidField that names an option as it is typed, such as `--deadline-s`; a knob or a list of the grid by its
    path, such as `config.threshold`.
    """
    try:
        if grid is None:
            return Options.model_validate(options)
        return GridOptions.model_validate({**options, "grid": grid})
    except ValidationError as error:
        invalid = first_invalid_field(error)
        is_path = invalid.field.startswith(("config.", "grid."))
        field = invalid.field if is_path else _as_typed(invalid.field)
        raise InvalidField(field, invalid.reason) from error


def _as_typed(field: str) -> str:
    return f"--{field.replace('_', '-')}"


def _value(key: str, text: str) -> Any:
    if key == "scheme":
        return text
    try:
        number = json.loads(text)
    except ValueError:
        raise InvalidField(f"--grid {key}", f"must be numbers, not {shown(text)}") from None
    return number


def _check(config: Mapping[str, Any]) -> None:
    try:
        RunConfig.model_validate(config)
    except ValidationError as error:
        raise first_invalid_field(error, prefix="config.") from error
