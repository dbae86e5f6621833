"""Finds the columns of problem, answer and id: the user names them, or their own names are clear."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from specreason.errors import InvalidField
from specreason.submission.problem import Columns
from specreason.words import suggestion

FIELDS = tuple(Columns.model_fields)
# Usual names in datasets, for each field. If a file has two of them, neither is chosen.
USUAL = {
    "problem": ("question", "prompt", "query", "instruction"),
    "answer": ("solution", "expected_answer", "final_answer", "gold", "target", "label"),
    "id": ("uid", "unique_id", "problem_id", "question_id"),
}


def choose_columns(present: Iterable[str], given: Mapping[str, str | None]) -> Columns:
    """Return the user's choice, else a column with the field's name, else the only column with a usual name.

    `given` has a column for each field, "" for none, or None for no choice. Raises InvalidField that lists the columns.
    """
    columns = list(present)
    names: dict[str, str] = {}
    for field in FIELDS:
        choice = given.get(field)
        if choice:
            if choice not in columns:
                raise InvalidField(
                    f"--{field}",
                    f"there is no column '{choice}'{suggestion(choice, columns)}; {_list(columns)}",
                )
            names[field] = choice
        elif choice is None and field in columns:
            names[field] = field
        elif choice is None and (found := _usual(field, columns)) is not None:
            names[field] = found
        elif choice is None and field != "problem":
            names[field] = field  # a later line of JSONL may have it
    if "problem" not in names:
        raise InvalidField("problem", f"say with --problem which column has the problems; {_list(columns)}")
    return Columns(**{field: names.get(field, "") for field in FIELDS})


def guesses(columns: Columns, given: Mapping[str, str | None]) -> dict[str, str]:
    """Return the chosen columns that the user did not name and that do not have the field's name."""
    chosen = columns.model_dump()
    return {
        field: chosen[field]
        for field in FIELDS
        if given.get(field) is None and chosen[field] not in ("", field)
    }


def _usual(field: str, columns: list[str]) -> str | None:
    found = [name for name in columns if name in USUAL[field]]
    if len(found) > 1 and field == "answer":
        raise InvalidField(
            "answer",
            f"could be {' or '.join(found)}: say which with --answer, or --answer '' for none; {_list(columns)}",
        )
    return found[0] if len(found) == 1 else None


def _list(columns: list[str]) -> str:
    return f"the columns are {', '.join(columns)}"
