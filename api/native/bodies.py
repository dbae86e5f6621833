"""The bodies of the two submissions, a batch and a grid: as JSON, as a form, and in the OpenAPI document."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from specreason.submission.datasets import Format
from specreason.submission.form import form_schema
from specreason.submission.options import GridOptions, Options
from specreason.submission.problem import Problem

Problems = Annotated[tuple[Problem, ...], Field(fail_fast=True, min_length=1)]

# The fields of a form besides the options.
FILE_FIELDS: dict[str, Any] = {
    "file": {
        "type": "string",
        "format": "binary",
        "description": "The problems: JSONL, CSV, TSV or Parquet, as its name or its content says.",
    },
    "format": {"type": "string", "enum": list(Format), "description": "The format of the file, if not so."},
    "file_id": {"type": "string", "description": "The id of a file uploaded before; instead of `file`."},
}
# A submission without options: the problems alone, as rows of a dataset.
LIST = {
    "type": "array",
    "minItems": 1,
    "items": {"type": "object"},
    "description": "The problems alone, with columns of any names.",
}


class BatchBody(Options):
    """A batch: one configuration and many problems."""

    problems: Problems


class GridBody(GridOptions):
    """One batch for each combination of the grid, all over the same problems."""

    problems: Problems


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What a route accepts: `json`, which includes the problems, or a form of `options` and a file."""

    json: type[BatchBody | GridBody]
    options: type[Options]

    @property
    def form_fields(self) -> frozenset[str]:
        """The text fields of a form."""
        return frozenset({*self.options.model_fields, "file_id", "format"})

    def documentation(self) -> dict[str, Any]:
        """The request body for the OpenAPI document; FastAPI itself sees only a raw request."""
        form = {
            "type": "object",
            "required": [name for name, field in self.options.model_fields.items() if field.is_required()],
            "additionalProperties": False,
            "properties": FILE_FIELDS | form_schema(self.options),
        }
        schema = self.json.model_json_schema()
        if not form["required"]:
            shared = schema.pop("$defs")
            schema = {"anyOf": [schema, LIST], "$defs": shared}
        content = {
            "application/json": {"schema": schema},
            "multipart/form-data": {"schema": form},
        }
        return {"requestBody": {"required": True, "content": content}}


BATCH = Shape(json=BatchBody, options=Options)
GRID = Shape(json=GridBody, options=GridOptions)
