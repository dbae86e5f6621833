"""Finds the columns of problem, answer and id in a dataset: the user names them, or their own names are clear.

A name is found whatever its case, white space, hyphens and underscores, unless a column is spelled as the name is. A
name such as `reward_model.ground_truth` or `choices.0` leads into a column of objects or lists.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Annotated, Any

from pydantic import Field

from specreason.errors import InvalidField
from specreason.submission.jsonl import load_json
from specreason.validation import ClosedModel
from specreason.words import LONGEST_SHOWN, suggestion

LONGEST_NAME = 1_000
# The most columns that a message lists, and how deep it looks into a column of objects.
MOST_LISTED, DEEPEST_LISTED = 30, 3
# Longer text is not read as an object that a table made text of.
LONGEST_SPELLED = 100_000

Name = Annotated[str, Field(max_length=LONGEST_NAME)]


class Columns(ClosedModel):
    """The column of each field in a dataset; "" for none. All other columns become the problem's source."""

    problem: Name = "problem"
    answer: Name = "answer"
    id: Name = "id"


DEFAULT_COLUMNS = Columns()
FIELDS = tuple(Columns.model_fields)
# Usual names in datasets, for each field. The first line counts of which a file has a name; if it has two of one line,
# neither is chosen.
USUAL: dict[str, tuple[tuple[str, ...], ...]] = {
    "problem": (("question", "prompt", "query", "instruction"), ("messages",)),
    "answer": (
        ("solution", "expected_answer", "final_answer", "gold", "target", "label"),
        ("ground_truth", "gold_answer", "correct_answer", "reference_answer"),
        ("reward_model.ground_truth",),
    ),
    "id": (("uid", "unique_id", "problem_id", "question_id"), ("extra_info.index",)),
}
_MISSING = object()


@dataclass(frozen=True, slots=True)
class Found:
    """What a row has under a name. `key` is the column, as the row spells it; None where the value is inside one."""

    value: Any
    key: str | None


def find(row: Mapping[str, Any], name: str) -> Found | None:
    """What `row` has under `name`; None if it has nothing, or several columns that are spelled nearly so."""
    if name in row:
        return Found(row[name], name)
    alike = _alike(row, name)
    if len(alike) == 1:
        return Found(row[alike[0]], alike[0])
    value = _inside(row, name) if not alike and "." in name else _MISSING
    return None if value is _MISSING else Found(value, None)


def choose_column(
    field: str, row: Mapping[str, Any], choice: str | None, option: Callable[[str], str]
) -> str | None:
    """The column of `field` in `row`, as the row spells it; "" if the user wants none, None if the row has none.

    `choice` is the user's, None for no choice. `option` names the option with which the user chooses. Raises
    InvalidField that lists the columns if several could be meant.
    """
    if choice is not None:
        return _spelled(row, choice) if choice else ""
    for names in ((field,), *USUAL[field]):
        present = _present(row, names)
        if len(present) == 1:
            return present[0]
        if len(present) > 1 and field != "id":
            raise InvalidField(
                field,
                f"could be {' or '.join(map(_cut, present))}: say with {option(field)} which it is"
                f"{', or with an empty name that there is none' if field != 'problem' else ''}; {listed(row)}",
            )
    return None


def no_such_column(name: str, row: Mapping[str, Any]) -> str:
    """What is wrong with a name that no column has, where `row` is one of the rows."""
    return f"there is no column '{_cut(name)}'{suggestion(name, _names(row))}; {listed(row)}"


def listed(row: Mapping[str, Any]) -> str:
    """The columns of a row as the end of a message, with the names inside columns of objects."""
    names = list(islice(_names(row), MOST_LISTED + 1))
    shown = ", ".join(map(_cut, names[:MOST_LISTED]))
    return f"the columns are {shown}{' and more' if len(names) > MOST_LISTED else ''}"


def nested_names(column: str, value: object) -> str:
    """The names inside an object or a list in `column`, for a message that asks for one of them."""
    return ", ".join(map(_cut, islice(_inner_names(column, value, into_lists=True), MOST_LISTED)))


def _present(row: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    """The columns of the row that have one of these names. A column that is spelled as its name hides those alike."""
    present: dict[str, None] = {}
    for name in names:
        if name in row or "." in name:
            spelled = _spelled(row, name)
            present.update({} if spelled is None else {spelled: None})
        else:
            present.update(dict.fromkeys(_alike(row, name)))
    return list(present)


def _spelled(row: Mapping[str, Any], name: str) -> str | None:
    found = find(row, name)
    return None if found is None else name if found.key is None else found.key


@lru_cache(maxsize=4096)
def _folded(name: str) -> str:
    """The letters and digits of a name, in one case."""
    return re.sub(r"[\W_]+", "", name).casefold()


def _alike(row: Mapping[Any, Any], name: str) -> list[str]:
    folded = _folded(name)
    return list(_keys_by_fold(tuple(row)).get(folded, ())) if folded else []


@lru_cache(maxsize=8)
def _keys_by_fold(keys: tuple[Any, ...]) -> Mapping[str, Sequence[str]]:
    """The keys that can be names, by their folded form. Rows of one kind have the same keys."""
    found: dict[str, list[str]] = {}
    for key in keys:
        if isinstance(key, str) and len(key) <= LONGEST_NAME:
            found.setdefault(re.sub(r"[\W_]+", "", key).casefold(), []).append(key)
    return found


def _inside(value: object, path: str) -> Any:
    """What is at `path` below a value, `_MISSING` if nothing is. Keys may have dots themselves."""
    if isinstance(value, str):
        value = _read(value)
    if isinstance(value, Mapping):
        for place in (match.start() for match in re.finditer(r"\.|\Z", path)):
            head, rest = path[:place], path[place + 1 :]
            keys = [head] if head in value else _alike(value, head)
            if len(keys) == 1:
                found = _inside(value[keys[0]], rest) if rest else value[keys[0]]
                if found is not _MISSING:
                    return found
    elif isinstance(value, Sequence) and not isinstance(value, str):
        head, _, rest = path.partition(".")
        if re.fullmatch("[0-9]{1,9}", head) and int(head) < len(value):
            return _inside(value[int(head)], rest) if rest else value[int(head)]
    return _MISSING


def _read(text: str) -> object:
    """The object or list that a table made text of, as JSON or as Python prints it; else the text."""
    if len(text) > LONGEST_SPELLED or not text.lstrip().startswith(("{", "[")):
        return text
    for read in (load_json, ast.literal_eval):
        try:
            value: object = read(text.strip())
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            continue
        return value
    return text


def _names(row: Mapping[str, Any]) -> Iterator[str]:
    for key, value in row.items():
        yield from _inner_names(key, value, into_lists=False)


def _inner_names(name: str, value: object, *, into_lists: bool, depth: int = 0) -> Iterator[str]:
    if isinstance(value, Mapping) and value and depth < DEEPEST_LISTED:
        for key, inner in value.items():
            yield from _inner_names(f"{name}.{key}", inner, into_lists=into_lists, depth=depth + 1)
    elif into_lists and isinstance(value, list | tuple) and value and depth < DEEPEST_LISTED:
        yield from _inner_names(f"{name}.0", value[0], into_lists=True, depth=depth + 1)
    else:
        yield name


def _cut(name: str) -> str:
    return name if len(name) <= LONGEST_SHOWN else f"{name[:LONGEST_SHOWN]}…"
