"""Which column is the problem, which its answer, which its id: as the user says, or as the names say plainly."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from specreason.errors import InvalidField
from specreason.submission.problem import Problem
from specreason.validation import first_invalid_field

OURS = ("problem", "answer", "id")
# Names that datasets use, for each of ours. Two of them in one file say nothing.
USUAL = {
    "problem": ("question", "prompt", "query", "instruction"),
    "answer": ("solution", "expected_answer", "final_answer", "gold", "target", "label"),
    "id": ("uid", "unique_id", "problem_id", "question_id"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Columns by what they are to us; `answer` and `id` may be missing."""

    names: Mapping[str, str]
    guessed: frozenset[str] = frozenset()

    @property
    def mapping(self) -> dict[str, str] | None:
        """For the API; None where the columns are called as ours are."""
        if self.names == {ours: ours for ours in OURS}:
            return None
        return {ours: self.names.get(ours, "") for ours in OURS}  # "" is no column

    def problem(self, values: Mapping[str, Any], where: str) -> Problem:
        """The row as a problem. Raises InvalidField that names the row and the user's own column."""
        row = {ours: values[theirs] for ours, theirs in self.names.items() if theirs in values}
        try:
            return Problem.model_validate(row)
        except ValidationError as error:
            wrong = first_invalid_field(error)
            raise InvalidField(
                f"{where}: {self.names.get(wrong.field, wrong.field)}", wrong.reason
            ) from error


def choose_columns(present: Iterable[str], given: Mapping[str, str | None]) -> Columns:
    """The user's choice, else a column called as ours, else the only usual name that there is.

    `given` has a column per name of ours, "" for none, or None for no choice. Raises InvalidField that lists the
    columns.
    """
    columns = list(present)
    names: dict[str, str] = {}
    guessed = set()
    for ours in OURS:
        choice = given.get(ours)
        if choice:
            if choice not in columns:
                raise InvalidField(f"--{ours}", f"there is no column '{choice}'; {_list(columns)}")
            names[ours] = choice
        elif choice is None and ours in columns:
            names[ours] = ours
        elif choice is None and (found := _usual(ours, columns)) is not None:
            names[ours] = found
            guessed.add(ours)
        elif choice is None and ours != "problem":
            names[ours] = ours  # a later line of JSONL may have it
    if "problem" not in names:
        raise InvalidField("problem", f"say with --problem which column has the problems; {_list(columns)}")
    return Columns(names=names, guessed=frozenset(guessed))


def _usual(ours: str, columns: list[str]) -> str | None:
    found = [name for name in columns if name in USUAL[ours]]
    if len(found) > 1 and ours == "answer":
        raise InvalidField(
            "answer",
            f"could be {' or '.join(found)}: say which with --answer, or --answer '' for none; {_list(columns)}",
        )
    return found[0] if len(found) == 1 else None


def _list(columns: list[str]) -> str:
    return f"the columns are {', '.join(columns)}"
