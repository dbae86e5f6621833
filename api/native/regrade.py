"""Grades a batch anew, with another grader or other gold answers."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter
from pydantic import Field

from api.answers.extended import extended
from api.answers.tags import Tag
from api.deployment import Store
from api.door.access import CONTROL, Viewer
from api.native.controls import ControlledBatch
from specreason.errors import InvalidField
from specreason.evaluation.graders import LAYERS, check_grader
from specreason.store.read.summaries import read_batch
from specreason.store.trace.regrade import regrade_batch as regrade
from specreason.submission.gold import gold_of
from specreason.submission.text import check_text
from specreason.validation import ClosedModel

router = APIRouter(prefix="/api", dependencies=[CONTROL])

MOST_ANSWERS = 50_000


class NewAnswer(ClosedModel):
    """A gold answer of the problem with this id, or at this index: one of both."""

    id: Annotated[str, Field(min_length=1, max_length=1_000)] | None = None
    index: Annotated[int, Field(ge=0, lt=2**31)] | None = None
    answer: Any = Field(description="Text, a number, or a list of several answers.")


class Regrade(ClosedModel):
    """How to grade: by the project's own grader and with the gold answers at hand, if nothing else is said."""

    grader: Annotated[str, Field(max_length=200)] | None = Field(
        None, description="A grader that is installed with the workers and here."
    )
    answers: (
        Annotated[list[NewAnswer], Field(fail_fast=True, min_length=1, max_length=MOST_ANSWERS)] | None
    ) = Field(None, description="New gold answers; only their problems are graded anew.")


@router.post("/batches/{batch_id}/regrade", tags=[Tag.BATCHES], summary="Grade a batch anew")
def regrade_batch(
    store: Store, viewer: Viewer, batch_id: UUID, body: Regrade | None = None
) -> ControlledBatch:
    """Grade the batch's answers again. No job runs; earlier grades stay, and the newest of a job counts.

    `num_changed` answers wait for their new grade, and count as not graded until they have it.
    """
    wanted = body or Regrade(grader=None, answers=None)
    grader = None if wanted.grader in (None, LAYERS) else wanted.grader
    if grader is not None:
        check_grader(grader)
    answers = None if wanted.answers is None else _by_name(wanted.answers)
    num_waiting = regrade(store, viewer, batch_id, grader=grader, answers=answers)
    return extended(ControlledBatch, read_batch(store, viewer, batch_id), num_changed=num_waiting)


def _by_name(rows: list[NewAnswer]) -> dict[str | int, str]:
    """Gold answers by id or index. Raises InvalidField that names the item."""
    answers: dict[str | int, str] = {}
    for place, row in enumerate(rows):
        field = f"answers[{place}]"
        if (row.id is None) == (row.index is None):
            raise InvalidField(field, "needs the `id` of a problem, or its `index`")
        try:
            gold = gold_of(row.answer).text
            check_text(gold or "")
        except ValueError as error:
            raise InvalidField(f"{field}.answer", str(error)) from None
        if gold is None:
            raise InvalidField(f"{field}.answer", "is none; leave the problem out to keep its gold answer")
        name = row.id if row.id is not None else row.index
        assert name is not None
        if name in answers:
            raise InvalidField(field, f"names {name!r} a second time")
        answers[name] = gold
    return answers
