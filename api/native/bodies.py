"""The fields of a submission, and how the generated documentation shows them."""

from __future__ import annotations

import json
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, Field

from specreason.config import RunConfig
from specreason.submission.grid import Grid
from specreason.submission.problem import Columns, Problem
from specreason.validation import ClosedModel

LONGEST_DEADLINE_S = 366 * 86_400
LARGEST_METADATA = 16_384  # characters as JSON: each summary of the batch has all of it


def _small(metadata: dict[str, Any]) -> dict[str, Any]:
    if (size := len(json.dumps(metadata, ensure_ascii=False))) > LARGEST_METADATA:
        raise ValueError(f"has {size} characters as JSON; at most {LARGEST_METADATA} are allowed")
    return metadata


class Choices(ClosedModel):
    """What a batch is, besides its problems. Unknown keys are refused."""

    name: Annotated[str, Field(max_length=200)] = ""
    pair: str = Field("demo", description="A pair of this deployment's pairs.toml.")
    config: RunConfig = RunConfig()
    priority: Annotated[int, Field(ge=-100, le=100)] = Field(0, description="Larger goes first.")
    deadline_s: Annotated[float, Field(gt=0, le=LONGEST_DEADLINE_S)] | None = Field(
        None, description="What has not ended so many seconds from now expires."
    )
    metadata: Annotated[dict[str, Any], AfterValidator(_small)] = Field(default_factory=dict)
    mapping: Columns | None = Field(
        None, description="Which column is the problem, the answer and the id; all others become the source."
    )


class Submission(Choices):
    """A batch: one configuration and many problems."""

    problems: Annotated[tuple[Problem, ...], Field(fail_fast=True, min_length=1)]


class GridChoices(Choices):
    """The same for a batch of each combination."""

    grid: Grid


class GridSubmission(Submission):
    """One batch for each combination of the grid, all over the same problems."""

    grid: Grid


# FastAPI itself sees only a raw request.
FORM_FIELDS: dict[str, Any] = {
    "file": {"type": "string", "format": "binary", "description": "JSONL: a problem a line."},
    "file_id": {"type": "string", "description": "A file uploaded before, instead of `file`."},
    "name": {"type": "string"},
    "pair": {"type": "string"},
    "config": {"type": "string", "description": "The run configuration as JSON."},
    "priority": {"type": "integer"},
    "deadline_s": {"type": "number"},
    "metadata": {"type": "string", "description": "A JSON object."},
    "mapping": {"type": "string", "description": "A JSON object: columns called problem, answer, id."},
}
GRID_FIELD: dict[str, Any] = {
    "grid": {"type": "string", "description": "A JSON object: lists called scheme and threshold."}
}


def _doc(model: type[BaseModel], form: dict[str, Any], required: list[str]) -> dict[str, Any]:
    return {
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": model.model_json_schema()},
                "multipart/form-data": {
                    "schema": {
                        "type": "object",
                        "required": required,
                        "additionalProperties": False,
                        "properties": form,
                    }
                },
            },
        }
    }


SUBMISSION_DOC = _doc(Submission, FORM_FIELDS, [])
GRID_DOC = _doc(GridSubmission, FORM_FIELDS | GRID_FIELD, ["grid"])
