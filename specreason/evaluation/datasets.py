"""Problems as users bring them: inline objects or JSONL lines. Errors name the line and the field."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from specreason.config import first_invalid_field
from specreason.errors import InvalidField

# Other columns of a JSONL line are the user's; these are ours.
OWN_KEYS = frozenset({"problem", "answer", "id"})


def _as_text(value: object) -> object:
    """Datasets write answers and ids as numbers too."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


class Problem(BaseModel):
    """One dataset item. `answer` is the gold answer, if there is one to grade against."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    problem: Annotated[str, Field(min_length=1, max_length=200_000)]
    answer: Annotated[str | None, BeforeValidator(_as_text)] = None
    id: Annotated[str | None, BeforeValidator(_as_text)] = None
    source: dict[str, Any] = Field(default_factory=dict, description="Anything else; stored, never read.")


def load_json(text: str | bytes) -> Any:
    """Strict JSON: no NaN or Infinity, which Postgres would refuse. Raises ValueError for whatever is wrong."""

    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is no JSON value")

    try:
        return json.loads(text, parse_constant=refuse)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def parse_jsonl(lines: Iterable[bytes]) -> list[Problem]:
    """One problem a line; blank lines are skipped and unknown columns kept in `source`.

    Raises InvalidField for the first line that is wrong, counted from 1.
    """
    problems = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = load_json(line)
        except ValueError as error:
            raise InvalidField(f"line {number}", f"is not JSON ({error})") from error
        if not isinstance(row, dict):
            raise InvalidField(f"line {number}", f"must be a JSON object, not {type(row).__name__}")
        extra = {key: value for key, value in row.items() if key not in OWN_KEYS}
        own = {key: value for key, value in row.items() if key in OWN_KEYS}
        try:
            problem = Problem.model_validate(own)
        except ValidationError as error:
            raise first_invalid_field(error, prefix=f"line {number}: ") from error
        problems.append(problem.model_copy(update={"source": extra}))
    return problems
