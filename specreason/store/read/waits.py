"""On which calls the step loops of a batch waited, from the sums over the steps of its ended jobs."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Double, cast, func, select

from specreason.reasoning.steps import Decision, Phase
from specreason.store.access.visibility import Viewer, require_batch
from specreason.store.session import Database, transaction
from specreason.store.tables.trace import step_rollup


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """Seconds of all ended jobs: for drafts that were kept and that were not, verdicts, and what was written instead.

    `rewriting_s` is for text of the base in place of rejected drafts, `alone_s` for thinking without a draft, by the
    one model or the other, `answering_s` for answers.
    """

    kept_drafts_s: float
    rejected_drafts_s: float
    verdicts_s: float
    rewriting_s: float
    alone_s: float
    answering_s: float

    @property
    def total_s(self) -> float:
        drafting_s = self.kept_drafts_s + self.rejected_drafts_s + self.verdicts_s
        return drafting_s + self.rewriting_s + self.alone_s + self.answering_s


def read_waits(database: Database, viewer: Viewer, batch_id: UUID) -> Waits:
    """Raises NotFound."""
    is_kept = step_rollup.c.decision == Decision.ACCEPTED
    is_rejected = step_rollup.c.decision.in_((Decision.REJECTED, Decision.REJECTED_NO_DIGIT))
    is_answer = step_rollup.c.phase == Phase.ANSWER
    columns = {
        "kept_drafts_s": func.sum(step_rollup.c.draft_s).filter(is_kept),
        "rejected_drafts_s": func.sum(step_rollup.c.draft_s).filter(is_rejected),
        "verdicts_s": func.sum(step_rollup.c.verify_s),
        "rewriting_s": func.sum(step_rollup.c.written_s).filter(is_rejected),
        "alone_s": func.sum(step_rollup.c.written_s).filter(~is_rejected, ~is_answer),
        "answering_s": func.sum(step_rollup.c.written_s).filter(~is_rejected, is_answer),
    }
    sums = select(*(cast(func.coalesce(column, 0), Double).label(name) for name, column in columns.items()))
    with transaction(database) as connection:
        require_batch(connection, viewer, batch_id)
        row = connection.execute(sums.where(step_rollup.c.batch_id == batch_id)).one()
    return Waits(**row._mapping)
