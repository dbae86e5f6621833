"""The options of a submission as form fields: text and numbers as they are, everything else as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from specreason.errors import InvalidField
from specreason.submission.jsonl import canonical_json, load_json
from specreason.submission.options import GridOptions, Options

SCALARS = ("string", "integer", "number", "boolean")


def to_form(options: Mapping[str, Any]) -> dict[str, str]:
    """Write options as fields. Leaves out an option at its default, but always writes the pair.

    Raises TypeError for an unknown option.
    """
    fields = {}
    for name, value in {"pair": _default("pair"), **options}.items():
        if name not in GridOptions.model_fields:
            raise TypeError(f"a submission has no option '{name}'")
        if name == "pair" or (value not in (None, {}) and value != _default(name)):
            fields[name] = canonical_json(value) if name in _IN_JSON else str(value)
    return fields


def from_form(fields: Mapping[str, str]) -> dict[str, Any]:
    """Read options from fields, without validating them. Raises InvalidField if a field is not valid JSON."""
    return {name: parse_json(text, name) if name in _IN_JSON else text for name, text in fields.items()}


def parse_json(text: str | bytes, field: str) -> Any:
    """Parse `text` as JSON. Raises InvalidField that names the field."""
    try:
        return load_json(text)
    except ValueError as error:
        raise InvalidField(field, f"is not JSON ({error})") from error


def form_schema(options: type[Options]) -> dict[str, Any]:
    """The JSON Schema of each form field of these options."""
    fields: dict[str, Any] = {}
    for name, schema in options.model_json_schema()["properties"].items():
        note = "A JSON object. " if name in _IN_JSON else ""
        description = f"{note}{schema.get('description', '')}".strip()
        fields[name] = {"type": _scalar(schema) or "string"} | (
            {"description": description} if description else {}
        )
    return fields


def _default(name: str) -> Any:
    return GridOptions.model_fields[name].get_default(call_default_factory=True, validated_data={})


def _scalar(schema: Mapping[str, Any]) -> str | None:
    """The JSON type of an option that a form holds as plain text; None if the form holds it as JSON."""
    kinds = (schema.get("type"), *(each.get("type") for each in schema.get("anyOf", ())))
    return next((kind for kind in kinds if kind in SCALARS), None)


_IN_JSON = frozenset(
    name for name, schema in GridOptions.model_json_schema()["properties"].items() if _scalar(schema) is None
)
