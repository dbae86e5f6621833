"""What a submission says besides its problems: every option once.

The API validates `Options`, `form.py` writes them into a form and reads them from it, and the arguments of the client
and of the command line carry the same names.
"""

from __future__ import annotations

import json
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from specreason.config import RunConfig
from specreason.submission.grid import Grid, configurations
from specreason.submission.problem import Columns
from specreason.submission.text import Storable
from specreason.validation import ClosedModel

LONGEST_DEADLINE_S = 366 * 86_400
LARGEST_METADATA = 16_384  # characters as JSON: each summary of the batch has all of it


def _small(metadata: dict[str, Any]) -> dict[str, Any]:
    if (size := len(json.dumps(metadata, ensure_ascii=False))) > LARGEST_METADATA:
        raise ValueError(f"has {size} characters as JSON; at most {LARGEST_METADATA} are allowed")
    return metadata


class Options(ClosedModel):
    """What a batch is, besides its problems. Unknown keys are refused."""

    name: Annotated[str, Field(max_length=200)] = ""
    pair: str = Field("demo", description="A pair of this deployment's pairs.toml.")
    config: RunConfig = Field(RunConfig(), description="The run configuration.")
    priority: Annotated[int, Field(ge=-100, le=100)] = Field(0, description="Larger goes first.")
    deadline_s: Annotated[float, Field(gt=0, le=LONGEST_DEADLINE_S)] | None = Field(
        None, description="Jobs that have not ended so many seconds from now expire."
    )
    metadata: Annotated[dict[str, Any], AfterValidator(_small), Storable] = Field(
        default_factory=dict, description="Kept with the batch."
    )
    mapping: Columns | None = Field(
        None, description="Which column is the problem, the answer and the id; all others become the source."
    )

    def configurations(self) -> tuple[RunConfig, ...]:
        """The configuration of each batch."""
        return configurations(self.config, None)


class GridOptions(Options):
    """The same for a grid: a batch for each combination."""

    grid: Grid = Field(description="Lists called scheme and threshold.")

    def configurations(self) -> tuple[RunConfig, ...]:
        return configurations(self.config, self.grid)
