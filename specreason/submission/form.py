"""The options of a submission as fields of a form: text and numbers as they are, everything else as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from specreason.errors import InvalidField
from specreason.submission.jsonl import canonical_json, load_json
from specreason.submission.options import GridOptions, Options

SCALARS = ("string", "integer", "number")


def to_form(options: Mapping[str, Any]) -> dict[str, str]:
    """The fields that say these options. An option at its default is left out, but for the pair.

    Raises TypeError for an option that does not exist.
    """
    fields = {}
    for name, value in {"pair": _default("pair"), **options}.items():
        if name not in GridOptions.model_fields:
            raise TypeError(f"a submission has no option '{name}'")
        if name == "pair" or (value not in (None, {}) and value != _default(name)):
            fields[name] = canonical_json(value) if name in _IN_JSON else str(value)
    return fields


def from_form(fields: Mapping[str, str]) -> dict[str, Any]:
    """The options that these fields say, still to be validated. Raises InvalidField for what is not JSON."""
    return {name: parsed(text, name) if name in _IN_JSON else text for name, text in fields.items()}


def parsed(text: str | bytes, field: str) -> Any:
    """`text` as JSON. Raises InvalidField that names the field."""
    try:
        return load_json(text)
    except ValueError as error:
        raise InvalidField(field, f"is not JSON ({error})") from error


def form_schema(options: type[Options]) -> dict[str, Any]:
    """The fields of a form with these options, as JSON Schema."""
    fields: dict[str, Any] = {}
    for name, schema in options.model_json_schema()["properties"].items():
        written = "A JSON object. " if name in _IN_JSON else ""
        description = f"{written}{schema.get('description', '')}".strip()
        fields[name] = {"type": _scalar(schema) or "string"} | (
            {"description": description} if description else {}
        )
    return fields


def _default(name: str) -> Any:
    return GridOptions.model_fields[name].get_default(call_default_factory=True, validated_data={})


def _scalar(schema: Mapping[str, Any]) -> str | None:
    """The type of an option that a form holds as it is; None for one that it holds as JSON."""
    kinds = (schema.get("type"), *(each.get("type") for each in schema.get("anyOf", ())))
    return next((kind for kind in kinds if kind in SCALARS), None)


_IN_JSON = frozenset(
    name for name, schema in GridOptions.model_json_schema()["properties"].items() if _scalar(schema) is None
)
