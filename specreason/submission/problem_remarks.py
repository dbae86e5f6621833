"""What a user should know of problems that are valid: how their answers were found, and which ids occur twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from specreason.submission.columns import Columns, find
from specreason.submission.gold import gold_of
from specreason.submission.problem import Problem
from specreason.words import LONGEST_SHOWN, counted

# A longer answer with as many words is prose: no answer of a model equals it.
PROSE_CHARACTERS, PROSE_WORDS = 200, 25


@dataclass(slots=True)
class ProblemRemarks:
    """Collects remarks while problems are read, one after the other. It holds the ids, and no problem."""

    num_blank: int = 0
    num_repeated: int = 0
    num_long: int = 0
    _golds: Counter[str] = field(default_factory=Counter)
    _first_place: dict[str, str] = field(default_factory=dict)
    _repeated: str = ""

    def read(self, row: Mapping[str, Any], columns: Columns, problem: Problem, where: str) -> None:
        """Note what is remarkable in `problem`, which was made from `row`. `where` is its place, such as "line 7"."""
        given = find(row, columns.answer) if columns.answer else None
        if given is not None and given.value != problem.answer:
            self._read_gold(given.value)
        self.num_long += _is_prose(problem.answer or "")
        if problem.id is None:
            return
        first = self._first_place.setdefault(problem.id, where)
        if first != where:
            self.num_repeated += 1
            self._repeated = (
                self._repeated or f"the id '{problem.id[:LONGEST_SHOWN]}' is in {first} and in {where}"
            )

    def _read_gold(self, given: object) -> None:
        gold = gold_of(given)
        if gold.remark is not None:
            self._golds[gold.remark] += 1
        elif gold.text is None and isinstance(given, str):
            self.num_blank += 1

    def sentences(self) -> tuple[str, ...]:
        """The remarks as sentences, without those that there is no reason for."""
        found = []
        if self.num_blank:
            verbs = "is blank and counts" if self.num_blank == 1 else "are blank and count"
            found.append(f"{counted(self.num_blank, 'answer')} {verbs} as none")
        found += [
            f"the gold answer of {counted(number, 'problem')} is {remark}"
            for remark, number in self._golds.items()
        ]
        if self.num_long:
            found.append(
                f"the gold answer of {counted(self.num_long, 'problem')} is a long text without #### or a box;"
                " a model's answer is compared with all of it"
            )
        if self.num_repeated:
            more = self.num_repeated - 1
            found.append(self._repeated + (f"; {counted(more, 'more repeated id')}" if more else ""))
        return tuple(found)


def _is_prose(answer: str) -> bool:
    return len(answer) > PROSE_CHARACTERS and len(answer.split()) > PROSE_WORDS
