"""A row of a dataset, and what its readers tell besides rows."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from specreason.errors import InvalidField
from specreason.submission.jsonl import LONGEST_LINE

LONGEST_ROW = 16 << 20  # bytes; of a longer one nothing is read
# Columns that a problem consists of. They are never left out, and an object that has one is a row, not a list of rows.
OF_A_PROBLEM = frozenset(
    [
        "problem",
        "question",
        "prompt",
        "query",
        "instruction",
        "input",
        "text",
        "messages",
        "conversation",
        "conversations",
        "answer",
        "solution",
        "expected_answer",
        "final_answer",
        "gold",
        "target",
        "label",
        "ground_truth",
        "gold_answer",
        "correct_answer",
        "reference_answer",
        "reward_model",
        "id",
        "custom_id",
        "role",
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row: its place in the file, its values, and the line of JSONL that is sent for it."""

    where: str
    values: dict[str, Any]
    line: bytes


@dataclass(slots=True, kw_only=True)
class Report:
    """What a reader tells: the place and error of a bad row, and sentences on how the file is read, each once.

    Where nobody listens to bad rows, their errors are raised.
    """

    on_bad: Callable[[str, InvalidField], None] | None = None
    on_remark: Callable[[str], None] | None = None
    num_bad: int = 0
    _said: set[Hashable] = field(default_factory=set)

    def bad(self, where: str, reason: str) -> None:
        error = InvalidField(where, reason)
        if self.on_bad is None:
            raise error
        self.num_bad += 1
        self.on_bad(where, error)

    def say(self, sentence: str, *, once: Hashable = None) -> None:
        """Say `sentence`, unless it, or another one with the same `once`, was said before."""
        key = sentence if once is None else once
        if self.on_remark is not None and key not in self._said:
            self._said.add(key)
            self.on_remark(sentence)


def check_column_names(names: Sequence[str]) -> None:
    """Raises InvalidField for a name that two columns have."""
    name, times = Counter(names).most_common(1)[0]
    if times > 1:
        raise InvalidField("header", f"names two columns '{name}'; give each a name of its own")


def row_of(where: str, values: dict[str, Any], report: Report, *, written: bytes | None = None) -> Row | None:
    """Return the row of `values`, which are JSON; `written` is their line where there is one already.

    No server takes a line of more than LONGEST_LINE bytes. What is largest beside the problem is then left out, and
    None stands for it. Return None for a row that is bad all the same.
    """
    line = _line(values) if written is None else written
    if len(line) > LONGEST_LINE:
        values = _shortened(where, values, report)
        line = _line(values)
    if len(line) > LONGEST_LINE:
        report.bad(where, f"is longer than {LONGEST_LINE} bytes as a line of JSON")
        return None
    return Row(where=where, values=values, line=line if line.endswith(b"\n") else line + b"\n")


def _shortened(where: str, values: Mapping[str, Any], report: Report) -> dict[str, Any]:
    """The values without the largest ones beside the problem."""
    sizes = {name: len(_line(value)) for name, value in values.items()}
    too_many = len(_line(values)) - LONGEST_LINE
    shorter = dict(values)
    for name in sorted(sizes, key=lambda name: -sizes[name]):
        if too_many <= 0:
            break
        if name.strip().casefold() not in OF_A_PROBLEM and values[name] is not None:
            too_many -= sizes[name] - len("null")
            shorter[name] = None
            report.say(
                f"'{name}' is left out of rows that are longer than {LONGEST_LINE} bytes as a line of JSON (the"
                f" first is {where})",
                once=("long", name),
            )
    return shorter


def _line(value: object) -> bytes:
    try:
        return json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:  # half of a surrogate pair
        return json.dumps(value).encode()
