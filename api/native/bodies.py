"""The fields of a submission, and how the generated documentation shows them."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, Field

from specreason.submission.form import form_schema
from specreason.submission.options import GridOptions, Options
from specreason.submission.problem import Problem

Problems = Annotated[tuple[Problem, ...], Field(fail_fast=True, min_length=1)]


class Submission(Options):
    """A batch: one configuration and many problems."""

    problems: Problems


class GridSubmission(GridOptions):
    """One batch for each combination of the grid, all over the same problems."""

    problems: Problems


FILE_FIELDS: dict[str, Any] = {
    "file": {"type": "string", "format": "binary", "description": "JSONL: a problem a line."},
    "file_id": {"type": "string", "description": "A file uploaded before, instead of `file`."},
}


def _doc(body: type[BaseModel], options: type[Options], required: list[str]) -> dict[str, Any]:
    """What FastAPI, which sees only a raw request, cannot document."""
    return {
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": body.model_json_schema()},
                "multipart/form-data": {
                    "schema": {
                        "type": "object",
                        "required": required,
                        "additionalProperties": False,
                        "properties": FILE_FIELDS | form_schema(options),
                    }
                },
            },
        }
    }


SUBMISSION_DOC = _doc(Submission, Options, [])
GRID_DOC = _doc(GridSubmission, GridOptions, ["grid"])
