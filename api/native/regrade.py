"""Grades a batch anew, with another grader or other gold answers: as JSON, or as a form with a file of answers."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from typing import Annotated, Any, cast
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import Field, ValidationError

from api.answers.extended import extended
from api.answers.tags import Tag
from api.deployment import deployment_of
from api.door.access import CONTROL, caller_of
from api.native.controls import ControlledBatch
from api.native.receive import receive
from api.requests.uploads import Form
from specreason.grading.graders import check_grader
from specreason.store.read.summaries import read_batch
from specreason.store.trace.regrade import regrade_batch as regrade
from specreason.submission.datasets import Row, format_of, read_rows
from specreason.submission.form import parse_json
from specreason.submission.gold_answers import GoldAnswers, gold_answers
from specreason.validation import ClosedModel, first_invalid_field

router = APIRouter(prefix="/api", dependencies=[CONTROL])

GRADER = "A grader that is installed here and with workers; by default the project's own."
ANSWERS = (
    "Gold answers that replace those of their problems: rows of `id` and `answer`. The id is the problem's own;"
    " `index` names a problem, too. Without these there is one row for each problem, in order."
)
# FastAPI itself sees only a raw request.
FORM = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "grader": {"type": "string", "description": GRADER},
        "file": {"type": "string", "format": "binary", "description": f"{ANSWERS} JSONL, CSV or Parquet."},
    },
}


class Regrade(ClosedModel):
    """How to grade: by the project's own grader and with the gold answers at hand, if nothing else is said."""

    grader: Annotated[str, Field(description=GRADER, max_length=200)] | None = None
    answers: Annotated[list[dict[str, Any]], Field(description=ANSWERS, min_length=1)] | None = None


BODY = {
    "requestBody": {
        "content": {
            "application/json": {"schema": Regrade.model_json_schema()},
            "multipart/form-data": {"schema": FORM},
        }
    }
}


@router.post(
    "/batches/{batch_id}/regrade", tags=[Tag.BATCHES], summary="Grade a batch anew", openapi_extra=BODY
)
async def regrade_batch(request: Request, batch_id: UUID) -> ControlledBatch:
    """Grade all answers of the batch again. No job runs; all grades stay, and the newest of a job counts.

    `num_changed` answers wait for their new grade: `num_ungraded` falls to 0 as they get it, and until then an earlier
    one counts (`num_regrading`).
    """
    if "content-type" not in request.headers and not await request.body():
        return await run_in_threadpool(_regrade, request, batch_id, b"{}")
    async with receive(request, frozenset({"grader"})) as received:
        return await run_in_threadpool(_regrade, request, batch_id, received.body)


def _regrade(request: Request, batch_id: UUID, body: bytes | Form) -> ControlledBatch:
    deployment, viewer = deployment_of(request), caller_of(request).viewer
    most = deployment.settings.max_problems
    name, answers = _of_form(body, most) if isinstance(body, Form) else _of_json(body, most)
    grader = check_grader(name)
    num_waiting = regrade(deployment.database, viewer, batch_id, grader=grader, answers=answers)
    return extended(
        ControlledBatch, read_batch(deployment.database, viewer, batch_id), num_changed=num_waiting
    )


def _of_form(form: Form, most: int) -> tuple[str | None, GoldAnswers | None]:
    grader = form.fields.get("grader") or None
    if form.file is None:
        return grader, None
    written = format_of(form.file.filename)
    # The reader of a table has to end before its file is closed.
    with closing(cast("Generator[Row]", read_rows(form.file.content.reader, written))) as rows:
        return grader, gold_answers(rows, most=most)


def _of_json(body: bytes, most: int) -> tuple[str | None, GoldAnswers | None]:
    fields = parse_json(body, "body")
    try:
        wanted = Regrade.model_validate({} if fields is None else fields)
    except ValidationError as error:
        raise first_invalid_field(error) from error
    if wanted.answers is None:
        return wanted.grader, None
    return wanted.grader, gold_answers(_rows(wanted.answers), most=most)


def _rows(answers: list[dict[str, Any]]) -> Iterator[Row]:
    return (Row(where=f"answers[{place}]", values=each, line=b"") for place, each in enumerate(answers))
