"""A run's configuration. It is stored with its hash on every batch; unknown keys are refused."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from specreason.validation import ClosedModel

# A seed is kept exactly, from the request to the row of the job.
SMALLEST_SEED, LARGEST_SEED = -(2**63), 2**63 - 1
MOST_REPEATS = 1024
# The number of a repeat has 16 bits wherever it is joined with that of a problem.
LAST_FIRST_REPEAT = 64_000


class SchemeName(StrEnum):
    """How the reasoning of a job is written (design §3)."""

    # The base model alone: the accuracy and latency baseline.
    BASE = "base"
    # The drafter alone: the lower bound of both.
    DRAFTER = "drafter"
    # The base alone, with the drafter as its token-level draft model.
    SPECDECODE = "specdecode"
    # The drafter writes a step, the base scores it, and keeps it or writes it again (paper §4.1).
    SPECREASON = "specreason"
    # The same, and the base writes with token-level drafts (paper §4.2).
    SPECREASON_DECODE = "specreason+decode"

    @property
    def drafts_steps(self) -> bool:
        return self in (SchemeName.SPECREASON, SchemeName.SPECREASON_DECODE)

    def fits(self, *, base_speculates: bool) -> bool:
        """Whether a pair can run it. Token-level speculation is a property of an engine, not of a request."""
        needs = self in (SchemeName.SPECDECODE, SchemeName.SPECREASON_DECODE)
        return self is SchemeName.DRAFTER or needs == base_speculates


class ScoreMethod(StrEnum):
    """How the base's verdict becomes a utility score."""

    # The digit that the base decoded, as in the paper.
    GREEDY = "greedy"
    # The mean of the ten digits, weighted by their probabilities.
    EXPECTED = "expected"


class RunConfig(ClosedModel):
    """Every choice that changes what a job computes. Frozen; two equal configs have equal hashes."""

    scheme: SchemeName = Field(
        SchemeName.SPECREASON,
        description="Which model writes a step: one alone, or the drafter with the base as its judge.",
    )
    threshold: Annotated[float, Field(ge=0, le=9)] | None = Field(
        None,
        description="Acceptance threshold: a draft with at least this score is kept. Default: the pair's.",
    )
    score_method: ScoreMethod = Field(
        ScoreMethod.GREEDY,
        description="What counts as the score: the digit that the base says, or the mean over the ten digits.",
    )
    first_steps_on_base: Annotated[int, Field(ge=0)] = Field(
        0, description="The base writes the first n steps, without scores (paper §4.1)."
    )
    token_budget: Annotated[int, Field(ge=1)] = Field(
        8192, description="Most thinking tokens to keep (paper §5.1)."
    )
    max_step_tokens: Annotated[int, Field(ge=1)] = Field(512, description="Most tokens of one step.")
    min_step_tokens: Annotated[int, Field(ge=0)] = Field(
        0, description="A delimiter before so many tokens does not end a step: tiny steps are merged."
    )
    max_steps: Annotated[int, Field(ge=1)] = Field(1000, description="Most steps of one run.")
    max_answer_tokens: Annotated[int, Field(ge=1)] = Field(1024, description="Most tokens of the answer.")
    max_same_steps: Annotated[int, Field(ge=0)] = Field(
        4,
        description="The thinking is closed once its last one to eight steps were kept so often in a row; 0: never.",
    )
    on_budget: Literal["answer", "stop"] = Field(
        "answer", description="At a limit: close the thinking and ask for the answer, or end there."
    )
    answer_by: Literal["base", "drafter"] = Field(
        "base", description="Which model writes the answer, where both models think."
    )
    overlap: bool = Field(
        True, description="Draft the next step while the last one is scored; dropped if that one is rejected."
    )
    adaptive: bool = Field(
        False,
        description="Let the base write without drafts while drafting costs more than it saves, as measured.",
    )
    delimiter: Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\x00]+$")] = Field(
        "\n\n", description="The text that ends a step."
    )
    temperature: Annotated[float, Field(ge=0, le=2)] = Field(
        0.6, description="Sampling temperature; 0: always the likeliest token."
    )
    top_p: Annotated[float, Field(gt=0, le=1)] = Field(
        0.95, description="Sample from the likeliest tokens that have this probability together."
    )
    top_k: Annotated[int, Field(ge=0, lt=2**31)] | None = Field(
        None,
        description="Sample from so many likeliest tokens; 0: from all. Default: what each model's own "
        "generation_config.json says.",
    )
    min_p: Annotated[float, Field(ge=0, le=1)] | None = Field(
        None,
        description="Sample no token that is less than so many times as likely as the likeliest; 0: any. "
        "Default: what each model's own generation_config.json says.",
    )
    drafter_temperature: Annotated[float, Field(ge=0, le=2)] | None = Field(
        None, description="Sampling temperature of the drafter. Default: the base's."
    )
    drafter_top_p: Annotated[float, Field(gt=0, le=1)] | None = Field(
        None, description="`top_p` of the drafter. Default: the base's."
    )
    drafter_top_k: Annotated[int, Field(ge=0, lt=2**31)] | None = Field(
        None, description="`top_k` of the drafter. Default: `top_k` if it is given, else the drafter's own."
    )
    drafter_min_p: Annotated[float, Field(ge=0, le=1)] | None = Field(
        None, description="`min_p` of the drafter. Default: `min_p` if it is given, else the drafter's own."
    )
    seed: Annotated[int, Field(ge=SMALLEST_SEED, le=LARGEST_SEED)] = Field(
        0, description="Seed of the random numbers: any whole number of 64 bits."
    )
    repeats: Annotated[int, Field(ge=1, le=MOST_REPEATS)] = Field(
        1, description="Statistical repeats of every problem, each with its own seeds."
    )
    first_repeat: Annotated[int, Field(ge=0, le=LAST_FIRST_REPEAT)] = Field(
        0, description="Number of the first repeat: repeats 4 to 7 draw what those of one batch of 8 draw."
    )

    @field_validator("*", mode="before")
    @classmethod
    def _truth_is_no_number(cls, value: object, info: ValidationInfo) -> object:
        if isinstance(value, bool) and cls.model_fields[str(info.field_name)].annotation is not bool:
            raise ValueError("must not be true or false")
        return value

    @field_validator("max_same_steps")
    @classmethod
    def _once_is_no_circle(cls, value: int) -> int:
        if value == 1:
            raise ValueError("must be 0 or at least 2")
        return value

    @field_validator("min_step_tokens")
    @classmethod
    def _a_step_has_room(cls, value: int, info: ValidationInfo) -> int:
        if value > (longest := info.data.get("max_step_tokens", value)):
            raise ValueError(f"must not be more than max_step_tokens, {longest}")
        return value

    @property
    def numbers_of_repeats(self) -> range:
        """The repeats that a batch runs of each problem."""
        return range(self.first_repeat, self.first_repeat + self.repeats)

    def hash(self) -> str:
        """SHA-256 of the canonical JSON, hex. A batch that begins with repeat 0 has the hash of older versions."""
        left_out = None if self.first_repeat else {"first_repeat"}
        return hashlib.sha256(self.model_dump_json(exclude=left_out).encode()).hexdigest()


_DEFAULTS = RunConfig().model_dump(mode="json")


def every_knob(stored: Mapping[str, Any]) -> dict[str, Any]:
    """A stored configuration with the default of each knob that the version which stored it did not have."""
    return {**_DEFAULTS, **stored}
