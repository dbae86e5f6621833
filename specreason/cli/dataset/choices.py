"""The run configuration and the grid of a submission, from options and a file. This module finds their errors."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from specreason.config import RunConfig
from specreason.errors import InvalidField
from specreason.submission.form import parse_json
from specreason.submission.grid import Grid, configurations
from specreason.validation import first_invalid_field

GRID_KEYS = tuple(Grid.model_fields)


def run_config(given: str | None, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the knobs that the user chose; the server has the defaults. Options go before the file.

    Raises InvalidField for an unknown knob or an impossible value.
    """
    chosen = json_object(given, "--config") | {
        name: value for name, value in options.items() if value is not None
    }
    _check(chosen)
    return chosen


def json_object(given: str | None, option: str) -> dict[str, Any]:
    """Return the JSON object in `text`, or in the file of that name; an empty one for None."""
    if given is None:
        return {}
    text = given
    if not given.lstrip().startswith(("{", "[")):
        try:
            text = Path(given).read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidField(option, f"is neither JSON nor a file that can be read ({error})") from error
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
            raise InvalidField(
                "--grid", f"must be {' or '.join(f'{k}=…,…' for k in GRID_KEYS)} (got '{each}')"
            )
        if key in grid:
            raise InvalidField("--grid", f"names {key} twice; put its values into one: {key}=…,…")
        if key in config:
            raise InvalidField("--grid", f"{key} is in the configuration too")
        grid[key] = [_value(key, value.strip()) for value in values.split(",")]
    for key, choices in grid.items():
        for choice in choices:
            _check({**config, key: choice})
    return grid or None


def configurations_of(
    config: Mapping[str, Any], grid: Mapping[str, Sequence[Any]] | None
) -> tuple[RunConfig, ...]:
    """Return the configuration of each batch that the server will make. Raises InvalidField."""
    try:
        return configurations(
            RunConfig.model_validate(config), None if grid is None else Grid.model_validate(grid)
        )
    except ValidationError as error:
        raise first_invalid_field(error, prefix="grid.") from error


def _value(key: str, text: str) -> Any:
    if key == "scheme":
        return text
    try:
        number = json.loads(text)
    except ValueError:
        raise InvalidField(f"--grid {key}", f"'{text}' is not a number") from None
    return number


def _check(config: Mapping[str, Any]) -> None:
    try:
        RunConfig.model_validate(config)
    except ValidationError as error:
        raise first_invalid_field(error, prefix="config.") from error
