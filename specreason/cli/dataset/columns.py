"""Finds the columns of problem, answer and id: the user names them, or their own names are clear."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from specreason.errors import InvalidField
from specreason.submission.problem import Columns

OURS = tuple(Columns.model_fields)
# Usual names in datasets, for each of ours. If a file has two of them, neither is chosen.
USUAL = {
    "problem": ("question", "prompt", "query", "instruction"),
    "answer": ("solution", "expected_answer", "final_answer", "gold", "target", "label"),
    "id": ("uid", "unique_id", "problem_id", "question_id"),
}


def choose_columns(present: Iterable[str], given: Mapping[str, str | None]) -> Columns:
    """Return the user's choice, else a column with our name, else the only column with a usual name.

    `given` has a column for each name of ours, "" for none, or None for no choice. Raises InvalidField that lists
    the columns.
    """
    columns = list(present)
    names: dict[str, str] = {}
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
        elif choice is None and ours != "problem":
            names[ours] = ours  # a later line of JSONL may have it
    if "problem" not in names:
        raise InvalidField("problem", f"say with --problem which column has the problems; {_list(columns)}")
    return Columns(**{ours: names.get(ours, "") for ours in OURS})


def guesses(columns: Columns, given: Mapping[str, str | None]) -> dict[str, str]:
    """Return the chosen columns that the user did not name and that do not have our names."""
    chosen = columns.model_dump()
    return {ours: chosen[ours] for ours in OURS if given.get(ours) is None and chosen[ours] not in ("", ours)}


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
