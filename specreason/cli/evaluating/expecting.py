"""What past jobs let expect of the jobs that an evaluation still has to run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from specreason.cli.estimating import NO_PAST_JOBS
from specreason.cli.evaluating.asked import Asked
from specreason.client import Client
from specreason.client.analysis.cost_values import Estimate
from specreason.evaluation.plan.missing import Planned


@dataclass(frozen=True, slots=True, kw_only=True)
class CellEstimates:
    """One estimate for each cell, None where nothing is missing; or why there are none."""

    estimates: tuple[Estimate | None, ...]
    why_none: str | None = None


def estimates_of(client: Client, asked: Asked, cells: Sequence[Planned]) -> CellEstimates:
    """Ask the API what the missing jobs of each cell will take. Nothing is stored."""
    found = tuple(_estimate(client, asked, each) for each in cells)
    known = [one for one in found if one is not None]
    none_is_alike = bool(known) and not any(one.num_past_jobs for one in known)
    return CellEstimates(estimates=found, why_none=NO_PAST_JOBS if none_is_alike else None)


def _estimate(client: Client, asked: Asked, each: Planned) -> Estimate | None:
    if not each.num_missing:
        return None
    config = asked.cells[each.cell].model_dump(mode="json", exclude_none=True)
    return client.analysis.estimate(
        num_problems=asked.num_problems(each.cell),
        pair=each.cell.pair,
        config=config | {"repeats": each.num_missing},
    )
