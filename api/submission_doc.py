"""What `read_submission` takes, for the generated documentation: FastAPI itself sees only a raw request."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from api.submission import GridSubmission, Submission

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
