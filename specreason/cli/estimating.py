"""What `specreason submit --dry-run` asks the API: the time and cost that past jobs let expect of each batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from specreason.cli.connection import connected
from specreason.client.analysis.cost_values import Estimate
from specreason.config import RunConfig
from specreason.errors import SpecReasonError

# A dry run needs no API, so it does not wait for one.
PATIENCE_S, TIMEOUT_S = 0.0, 5.0
NO_PAST_JOBS = (
    "no job of this pair and scheme with a known cost has succeeded yet. "
    "`specreason plan` forecasts from the cards and the paper instead"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectations:
    """One estimate for each configuration, or why there are none."""

    estimates: tuple[Estimate, ...] = ()
    why_none: str | None = None


def estimates_for(
    pair: str, configs: Sequence[RunConfig], num_problems: int, price: float | None, api: str | None
) -> Expectations:
    """Return what past jobs let expect of `num_problems` problems under each of `configs`."""
    try:
        with connected(api, patience_s=PATIENCE_S, timeout_s=TIMEOUT_S) as client:
            found = [
                client.analysis.estimate(
                    num_problems=num_problems,
                    pair=pair,
                    config=config.model_dump(mode="json", exclude_none=True),
                    price=price,
                )
                for config in configs
            ]
    except SpecReasonError as error:
        return Expectations(why_none=str(error))
    if not any(one.num_past_jobs for one in found):
        return Expectations(estimates=tuple(found), why_none=NO_PAST_JOBS)
    return Expectations(estimates=tuple(found))
