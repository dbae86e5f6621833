"""The options of a submission: everything but its problems. Each option is defined here once.

The API validates `Options`, and `form.py` converts them to form fields and back. The client and the command line use
the same names.
"""

from __future__ import annotations

import json
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from specreason.config import RunConfig
from specreason.submission.columns import Columns
from specreason.submission.grid import Grid, configurations
from specreason.submission.text import Storable
from specreason.validation import ClosedModel

LONGEST_DEADLINE_S = 366 * 86_400
LARGEST_METADATA = 16_384  # characters as JSON; each summary of the batch contains all of them


def _small(metadata: dict[str, Any]) -> dict[str, Any]:
    if (size := len(json.dumps(metadata, ensure_ascii=False))) > LARGEST_METADATA:
        raise ValueError(f"has {size} characters as JSON; at most {LARGEST_METADATA} are allowed")
    return metadata


class Options(ClosedModel):
    """The options of a batch. Unknown keys are refused."""

    name: Annotated[str, Field(max_length=200)] = ""
    pair: str = Field("demo", description="A pair of this deployment's pairs.toml.")
    config: RunConfig = Field(RunConfig(), description="The run configuration.")
    priority: Annotated[int, Field(ge=-100, le=100)] = Field(
        0, description="Jobs of a larger priority run first."
    )
    deadline_s: Annotated[float, Field(gt=0, le=LONGEST_DEADLINE_S)] | None = Field(
        None, description="Seconds from now after which jobs that have not ended expire."
    )
    metadata: Annotated[dict[str, Any], AfterValidator(_small), Storable] = Field(
        default_factory=dict, description="Any JSON object; it is stored with the batch."
    )
    mapping: Columns | None = Field(
        None,
        description="The columns of the problem, the answer and the id, such as `reward_model.ground_truth`; all other"
        " columns become the source. What it leaves out is chosen by the names of the columns, and the remarks say so.",
    )
    skip_invalid: bool = Field(
        False,
        description="Leave out invalid problems, and list them in the answer. Otherwise one refuses the submission.",
    )

    def configurations(self) -> tuple[RunConfig, ...]:
        """The configuration of each batch."""
        return configurations(self.config, None)


class GridOptions(Options):
    """The options of a grid, which makes one batch per combination."""

    grid: Grid = Field(description="The values to combine: the lists `scheme` and `threshold`.")

    def configurations(self) -> tuple[RunConfig, ...]:
        return configurations(self.config, self.grid)
