"""The figures of several batches together."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from api.answers.tags import Tag
from api.deployment import Store
from api.door.access import READ, Viewer
from api.requests.counted import JUDGEMENT
from specreason.evaluation.report.values import Report

router = APIRouter(prefix="/api")


@router.get(
    "/report",
    tags=[Tag.RESULTS],
    summary="Report on several batches",
    dependencies=[READ, JUDGEMENT],
    responses={404: {"description": "Not Found"}},
)
def get_report(
    store: Store,
    viewer: Viewer,
    *,
    batch: Annotated[
        tuple[UUID, ...],
        Query(description="A batch of the report; at most 256 of them, with 1,000,000 jobs."),
    ] = (),
    eval_name: Annotated[
        str | None,
        Query(
            alias="eval",
            max_length=1000,
            description="In place of batches: the evaluation that all of its batches name in their metadata.",
            examples=["sums-demo"],
        ),
    ] = None,
) -> Report:
    """Cells, which pool batches that differ in their repeats alone, and figures with 95 % intervals over problems.

    Each figure has the SQL of the rows behind it; `left_out` says what other figures need. A batch's dataset is
    `metadata.dataset`, else the column `dataset` of its problems, else the name of the oldest batch over the same
    problems. The server needs the extra `analysis`.
    """
    from specreason.store.analysis.report.read import read_report

    return read_report(store, viewer, batch, eval_name=eval_name)
