"""The deployment's pairs: each is one table of `pairs.toml`. Unknown keys are refused."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, field_validator

from specreason.errors import InputError, InvalidField
from specreason.validation import ClosedModel, first_invalid_field
from specreason.words import LONGEST_SHOWN, shown, suggestion

PACKAGED_PAIRS = Path(__file__).parent / "pairs.toml"
# Asks for steps that end where a step ends by default, and for the answer where it is looked for.
PROMPT = "{problem}\n\nReason in short paragraphs with a blank line between them. Put the final answer into \\boxed{}."


class ModelConfig(ClosedModel):
    """One model of a pair, as the engine is to load it."""

    model: str = Field(description="Hub id, absolute folder, or folder relative to pairs.toml.")
    revision: str | None = Field(None, description="Commit, tag or branch of a model of the hub.")
    weights_gib: Annotated[float, Field(gt=0)] | None = Field(
        None,
        description="Size of the files of weights, GiB, for a model of the hub: what must fit is known "
        "before it is fetched.",
    )
    dtype: Literal["auto", "bfloat16", "float16", "float32"] = "bfloat16"
    tensor_parallel_size: Annotated[int, Field(ge=1)] = 1
    max_model_len: Annotated[int, Field(ge=64)]
    kv_cache_memory_bytes: Annotated[int, Field(ge=1 << 20)] | Literal["auto"] = Field(
        "auto",
        description="This engine's share of the static KV split (paper §4.1), bytes per device. auto: what the "
        "memory planner gives, equally many tokens for both engines.",
    )
    max_num_seqs: Annotated[int, Field(ge=1)] = 64
    chat_template: str | None = Field(None, description="Overrides the tokenizer's own template.")
    head_dtype: Literal["auto", "float32"] = Field(
        "auto",
        description="float32: the logits are computed in it, so that digits of a score rarely tie. It needs a head "
        "that is not quantized.",
    )
    engine_args: dict[str, Any] = Field(
        default_factory=dict,
        description="Further arguments of vLLM's AsyncEngineArgs for this model, as they stand.",
    )

    @field_validator("engine_args")
    @classmethod
    def _arguments_that_are_planned_with(cls, given: dict[str, Any]) -> dict[str, Any]:
        """Check those that the planner reads, too: vLLM itself checks all of them, but only as it starts."""
        batched = given.get("max_num_batched_tokens", 1)
        if type(batched) is not int or batched < 1:
            raise ValueError(f"max_num_batched_tokens must be a whole number above 0, not {shown(batched)}")
        for name in ("quantization", "kv_cache_dtype"):
            if not isinstance(given.get(name, ""), str):
                raise ValueError(f"{name} must be a string, not {shown(given[name])}")
        return given

    @property
    def folder(self) -> Path | None:
        """The folder of the model's files as `model` names it. None: `model` is the id of a model of the hub."""
        folder = Path(self.model)
        return folder if folder.is_absolute() else None


class SpeculationConfig(ClosedModel):
    """Token-level speculation inside the base's engine, with the pair's drafter as draft model (paper §4.2)."""

    num_tokens: Annotated[int, Field(ge=1, le=32)] = Field(5, description="Drafted before each check.")


class PairConfig(ClosedModel):
    """One pair: a base, its drafter, and how the base is asked for a score."""

    base: ModelConfig
    drafter: ModelConfig
    cards: str | None = Field(
        None, description="The GPUs it is written for, as `specreason plan --gpu` takes them."
    )
    prompt: Annotated[str, Field(pattern=r"\{problem\}")] = Field(
        PROMPT, description="The text of the user's message, around `{problem}`."
    )
    judge_suffix: Annotated[str, Field(min_length=1)] | None = Field(
        None,
        description="Follows transcript and step; the next token is the score. "
        "Default: the question of `engines/judge.py`, as the base's chat template puts it.",
    )
    threshold: Annotated[float, Field(ge=0, le=9)] = 7
    speculation: SpeculationConfig | None = Field(
        None,
        description="For the schemes `specdecode` and `specreason+decode`, which need it; the others exclude it.",
    )
    enforce_eager: bool = False
    block_size: int | None = Field(None, description="KV block, tokens. Default: the engine's choice.")

    @property
    def num_devices(self) -> int:
        """How many devices its engines use. Both start on the first one, so the wider engine decides."""
        return max(self.base.tensor_parallel_size, self.drafter.tensor_parallel_size)

    def model(self, role: str) -> ModelConfig:
        """The model of `role`, base or drafter."""
        model: ModelConfig = getattr(self, role)
        return model


def load_pairs(path: Path | None = None) -> dict[str, PairConfig]:
    """The pairs in `path`, or the packaged ones. Relative model folders become absolute.

    Raises InputError that names the file and the key.
    """
    path = path or PACKAGED_PAIRS
    try:
        tables: dict[str, Any] = tomllib.loads(path.read_text())
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path}: is not TOML: {error}") from error
    pairs = {}
    for name, table in tables.items():
        try:
            pair = PairConfig.model_validate(table)
        except ValidationError as error:
            raise first_invalid_field(error, prefix=f"{path.name}: {name}.") from error
        pairs[name] = pair.model_copy(
            update={
                role: _with_absolute_folder(pair.model(role), path.parent.absolute())
                for role in ("base", "drafter")
            }
        )
    return pairs


def get_pair(pairs: Mapping[str, PairConfig], name: str) -> PairConfig:
    """The pair called `name`. InvalidField lists the others."""
    if name not in pairs:
        known = f"this deployment knows {', '.join(sorted(pairs))}"
        raise InvalidField(
            "pair", f"no pair is called '{name[:LONGEST_SHOWN]}'{suggestion(name, pairs)}; {known}"
        )
    return pairs[name]


def _with_absolute_folder(model: ModelConfig, root: Path) -> ModelConfig:
    folder = root / model.model
    return model.model_copy(update={"model": str(folder)}) if folder.is_dir() else model
