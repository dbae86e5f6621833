"""Problems as users submit them: JSON objects or JSONL lines. Errors name the line and the field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, BinaryIO

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, ValidationError

from specreason.errors import InvalidField
from specreason.submission.jsonl import lines_of
from specreason.submission.text import Storable
from specreason.validation import ClosedModel, first_invalid_field

# Problems that come with the package, and that its demo pair can solve.
BUNDLED_PROBLEMS = Path(__file__).parents[1] / "demo" / "problems.jsonl"


def _as_text(value: object) -> object:
    """Datasets also write answers and ids as numbers."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _none_if_blank(text: str | None) -> str | None:
    return text or None


class Problem(ClosedModel):
    """One dataset item. `answer` is the gold answer, if there is one to grade against; a blank one or id is none."""

    model_config = ConfigDict(str_strip_whitespace=True)

    problem: Annotated[str, Field(min_length=1, max_length=200_000), Storable]
    answer: Annotated[
        Annotated[str, Field(max_length=20_000)] | None,
        Storable,
        BeforeValidator(_as_text),
        AfterValidator(_none_if_blank),
    ] = None
    id: Annotated[
        Annotated[str, Field(max_length=1_000)] | None,
        Storable,
        BeforeValidator(_as_text),
        AfterValidator(_none_if_blank),
    ] = None
    source: dict[str, Any] = Field(
        default_factory=dict, description="Any other fields; they are stored and never read."
    )


class Columns(ClosedModel):
    """The column of each field in a dataset; "" for none. All other columns become the problem's source."""

    problem: str = "problem"
    answer: str = "answer"
    id: str = "id"


DEFAULT_COLUMNS = Columns()


def problem_of(row: Mapping[str, Any], columns: Columns, *, prefix: str = "") -> Problem:
    """The problem in a row of a dataset. Raises InvalidField that names the column after `prefix`."""
    column_of = {name: column for name, column in columns.model_dump().items() if column}
    fields = {name: row[column] for name, column in column_of.items() if column in row}
    try:
        problem = Problem.model_validate(fields)
    except ValidationError as error:
        invalid = first_invalid_field(error)
        raise InvalidField(prefix + column_of.get(invalid.field, invalid.field), invalid.reason) from error
    used = frozenset(column_of.values())
    return problem.model_copy(update={"source": {key: row[key] for key in row if key not in used}})


def problems_in(
    content: BinaryIO, columns: Columns = DEFAULT_COLUMNS, *, most_blank: int | None = None
) -> Iterator[Problem]:
    """The problems of a JSONL file, one per line. Skips up to `most_blank` blank lines.

    Raises InvalidField for the first invalid line.
    """
    for line in lines_of(content, most_blank=most_blank):
        try:
            row = line.parse()
        except ValueError as error:
            raise InvalidField(f"line {line.number}", str(error)) from error
        yield problem_of(row, columns, prefix=f"line {line.number}: ")
