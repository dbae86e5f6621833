"""What the rows of a batch say."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from api.answers.tags import Tag
from api.deployment import Store
from api.door.access import READ, Viewer
from api.requests.counted import JUDGEMENT
from specreason.evaluation.figures.values import BatchFigures

router = APIRouter(prefix="/api")


@router.get(
    "/batches/{batch_id}/figures",
    tags=[Tag.RESULTS],
    summary="Get the figures of a batch",
    dependencies=[READ, JUDGEMENT],
)
def get_figures(
    store: Store,
    viewer: Viewer,
    batch_id: UUID,
    *,
    k: Annotated[
        int | None,
        Query(
            ge=1,
            le=1024,
            description="Of pass@k and majority@k. Default: 2, 4, … and the most graded repeats of a problem.",
        ),
    ] = None,
) -> BatchFigures:
    """Right answers, latency, tokens, drafts, TTFT and TPOT over the jobs that succeeded, with 95 % intervals.

    `says` tells whether drafting pays, and `remarks` what is missing. The server needs the extra `analysis`.
    """
    from specreason.store.analysis.figures import read_figures

    return read_figures(store, viewer, batch_id, k=k)
