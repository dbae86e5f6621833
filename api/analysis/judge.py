"""What the judge of a batch is worth."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from api.answers.tags import Tag
from api.deployment import Store
from api.door.access import READ, Viewer
from api.requests.counted import JUDGEMENT
from specreason.config import ScoreMethod
from specreason.errors import InvalidField
from specreason.evaluation.judge.judgement import Judgement, Rule

router = APIRouter(prefix="/api")


@router.get(
    "/batches/{batch_id}/judge",
    tags=[Tag.RESULTS],
    summary="Judge the judge of a batch",
    dependencies=[READ, JUDGEMENT],
)
def get_judgement(
    store: Store,
    viewer: Viewer,
    batch_id: UUID,
    *,
    threshold: Annotated[
        float | None, Query(ge=0, le=9, description="Also replay this acceptance threshold.")
    ] = None,
    score_method: Annotated[
        ScoreMethod | None, Query(description="By this score. Default: the batch's own.")
    ] = None,
) -> Judgement:
    """The utility scores of a batch against the answers of its jobs, and against the truth where rules tell it.

    `replay` estimates what other thresholds would have done with the same drafts. The server needs the extra
    `analysis`.
    """
    from specreason.evaluation.judge.judging import judge, present_rule
    from specreason.store.analysis.judge.judged import read_judged

    if threshold is None and score_method is not None:
        raise InvalidField("threshold", "must be given with score_method")
    batch = read_judged(store, viewer, batch_id)
    present = present_rule(batch.config)
    if threshold is None or present is None:
        return judge(batch)
    return judge(batch, Rule(score_method=score_method or present.score_method, threshold=threshold))
