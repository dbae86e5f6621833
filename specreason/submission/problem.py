"""Problems as users bring them: inline objects or JSONL lines. Errors name the line and the field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, BinaryIO

from pydantic import BeforeValidator, ConfigDict, Field, ValidationError

from specreason.errors import InvalidField
from specreason.submission.jsonl import lines_of
from specreason.submission.text import Storable
from specreason.validation import ClosedModel, first_invalid_field


def _as_text(value: object) -> object:
    """Datasets write answers and ids as numbers too."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


class Problem(ClosedModel):
    """One dataset item. `answer` is the gold answer, if there is one to grade against."""

    model_config = ConfigDict(str_strip_whitespace=True)

    problem: Annotated[str, Field(min_length=1, max_length=200_000), Storable]
    answer: Annotated[
        Annotated[str, Field(max_length=20_000)] | None, Storable, BeforeValidator(_as_text)
    ] = None
    id: Annotated[Annotated[str, Field(max_length=1_000)] | None, Storable, BeforeValidator(_as_text)] = None
    source: dict[str, Any] = Field(default_factory=dict, description="Anything else; stored, never read.")


class Columns(ClosedModel):
    """Which column of a dataset is what; "" for none. All others are kept as the problem's source."""

    problem: str = "problem"
    answer: str = "answer"
    id: str = "id"


AS_OURS = Columns()


def problem_of(row: Mapping[str, Any], columns: Columns, *, prefix: str = "") -> Problem:
    """The problem in a row of a dataset. Raises InvalidField that names the column, behind `prefix`."""
    named = {name: column for name, column in columns.model_dump().items() if column}
    own = {name: row[column] for name, column in named.items() if column in row}
    try:
        problem = Problem.model_validate(own)
    except ValidationError as error:
        wrong = first_invalid_field(error)
        raise InvalidField(prefix + named.get(wrong.field, wrong.field), wrong.reason) from error
    taken = frozenset(named.values())
    return problem.model_copy(update={"source": {key: row[key] for key in row if key not in taken}})


def problems_in(
    content: BinaryIO, columns: Columns = AS_OURS, *, most_blank: int | None = None
) -> Iterator[Problem]:
    """One problem a line of a JSONL file; up to `most_blank` blank lines are skipped.

    Raises InvalidField for the first wrong line.
    """
    for line in lines_of(content, most_blank=most_blank):
        try:
            row = line.parse()
        except ValueError as error:
            raise InvalidField(f"line {line.number}", str(error)) from error
        yield problem_of(row, columns, prefix=f"line {line.number}: ")
