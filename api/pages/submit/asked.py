"""The fields of the form that submits a file, and the options of a submission that they stand for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from specreason.errors import InvalidField
from specreason.submission.columns import FIELDS as COLUMN_FIELDS
from specreason.words import shown

COLUMN_INPUTS = {field: f"{field}_column" for field in COLUMN_FIELDS}
FIELDS = frozenset(
    {
        "csrf",
        "once",
        "name",
        "pair",
        "scheme",
        "threshold",
        "repeats",
        "skip_invalid",
        "num_bytes",
        *COLUMN_INPUTS.values(),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a viewer has written into the form, as text. `num_bytes` is set where only a file's head was sent."""

    name: str = ""
    pair: str = "demo"
    scheme: str = "specreason"
    threshold: str = ""
    repeats: str = "1"
    skip_invalid: bool = False
    columns: Mapping[str, str]
    num_bytes: int | None = None

    def config(self) -> dict[str, Any]:
        """The run configuration, not validated. Raises InvalidField for what is no number."""
        config: dict[str, Any] = {"scheme": self.scheme}
        if self.threshold:
            config["threshold"] = _number("threshold", self.threshold)
        if self.repeats:
            repeats = _number("repeats", self.repeats)
            config["repeats"] = int(repeats) if repeats.is_integer() else repeats
        return config

    def options(self) -> dict[str, str]:
        """The fields of the API's form for the same submission."""
        options = {"name": self.name, "pair": self.pair, "config": json.dumps(self.config())}
        if self.columns:
            options["mapping"] = json.dumps(dict(self.columns))
        if self.skip_invalid:
            options["skip_invalid"] = "true"
        return options


def asked_of(fields: Mapping[str, str]) -> Asked:
    """Read the form. A field that it lacks has its default."""
    known = ("name", "pair", "scheme", "threshold", "repeats")
    given = {name: fields[name].strip() for name in known if name in fields}
    named = {field: fields.get(name, "").strip() for field, name in COLUMN_INPUTS.items()}
    size = fields.get("num_bytes", "")
    return Asked(
        **given,
        skip_invalid=bool(fields.get("skip_invalid")),
        columns={field: name for field, name in named.items() if name},
        num_bytes=int(size) if size.isascii() and size.isdigit() and len(size) < 16 else None,
    )


def _number(field: str, text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise InvalidField(field, f"must be a number, not {shown(text)}") from error
