"""What a user should know of problems that are valid: blank answers, and ids that occur more than once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from specreason.submission.problem import Columns, Problem
from specreason.words import LONGEST_SHOWN, counted


@dataclass(slots=True)
class ProblemRemarks:
    """Collects remarks while problems are read, one after the other. It holds the ids, and no problem."""

    num_blank: int = 0
    num_repeated: int = 0
    _first_place: dict[str, str] = field(default_factory=dict)
    _repeated: str = ""

    def read(self, row: Mapping[str, Any], columns: Columns, problem: Problem, where: str) -> None:
        """Note what is remarkable in `problem`, which was made from `row`. `where` is its place, such as "line 7"."""
        given = row.get(columns.answer) if columns.answer else None
        self.num_blank += isinstance(given, str) and problem.answer is None
        if problem.id is None:
            return
        first = self._first_place.setdefault(problem.id, where)
        if first != where:
            self.num_repeated += 1
            self._repeated = (
                self._repeated or f"the id '{problem.id[:LONGEST_SHOWN]}' is in {first} and in {where}"
            )

    def sentences(self) -> tuple[str, ...]:
        """The remarks as sentences, without those that there is no reason for."""
        found = []
        if self.num_blank:
            verbs = "is blank and counts" if self.num_blank == 1 else "are blank and count"
            found.append(f"{counted(self.num_blank, 'answer')} {verbs} as none")
        if self.num_repeated:
            more = self.num_repeated - 1
            found.append(self._repeated + (f"; {counted(more, 'more repeated id')}" if more else ""))
        return tuple(found)
