"""The intake of a dataset: rows become problems, the command line and the API alike.

It chooses the columns, refuses a wrong row or leaves it out, and collects what the user should know.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from specreason.errors import InvalidField
from specreason.submission.columns import FIELDS, Columns, choose_column, listed, no_such_column
from specreason.submission.datasets import Row
from specreason.submission.problem import Problem, problem_of
from specreason.submission.problem_remarks import ProblemRemarks
from specreason.words import counted

# The most kinds of rows whose columns are remembered, and the most columns of a field that are.
MOST_SHAPES, MOST_TAKEN = 1_000, 10
# The most columns of a shape that is remembered.
MOST_REMEMBERED = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """A row that was left out. `field` is the column at fault, "" for the row. `values` are None if none were read."""

    where: str
    field: str
    reason: str
    values: Mapping[str, Any] | None = None

    @classmethod
    def of(cls, where: str, error: InvalidField, values: Mapping[str, Any] | None = None) -> Skipped:
        field = error.field.removeprefix(where).lstrip(": .")
        return cls(where=where, field=field, reason=error.reason, values=values)

    def __str__(self) -> str:
        return ": ".join(filter(None, (self.where, self.field, self.reason)))


class Intake:
    """Reads rows once, in their order. Before they are read there are no columns and no remarks.

    `given` has the user's column for each field, "" for none; a field that is missing or None is chosen by the names
    of the columns. `option` names the option with which a user chooses the column of a field. With `on_skipped`,
    invalid rows are left out and told. `separator` stands between the place of a row and a column.
    """

    def __init__(
        self,
        given: Mapping[str, str | None],
        option: Callable[[str], str],
        *,
        on_skipped: Callable[[Skipped], None] | None = None,
        separator: str = ": ",
        is_closed: Callable[[Mapping[str, Any]], bool] = lambda _: False,
    ) -> None:
        self.num_problems = self.num_with_answer = self.num_skipped = 0
        self._given, self._option, self._on_skipped = given, option, on_skipped
        self._separator, self._is_closed = separator, is_closed
        self._columns_of: dict[tuple[tuple[str, bool], ...], Columns] = {}
        # For each field the columns that were found, in their order.
        self._taken: dict[str, list[str]] = {field: [] for field in FIELDS}
        self._example: Mapping[str, Any] = {}
        self._first_error: InvalidField | None = None
        self._first_skipped: Skipped | None = None
        self._remarks = ProblemRemarks()
        self._of_the_file: list[str] = []

    @property
    def num_rows(self) -> int:
        return self.num_problems + self.num_skipped

    @property
    def on_bad(self) -> Callable[[str, InvalidField], None] | None:
        """What a reader of rows tells of a row that it cannot read; None where it has to raise that."""
        return None if self._on_skipped is None else self._leave_out

    def on_remark(self, sentence: str) -> None:
        """What a reader of rows tells of how it reads the file."""
        self._of_the_file.append(sentence)

    @property
    def mapping(self) -> dict[str, str]:
        """One column for each field that has one, and "" for a field of which the user wants none.

        A field whose column is another one in another row is left to whoever reads the rows next, by the same rules.
        """
        wanted = {field: name for field, name in self._given.items() if name is not None}
        return {field: names[0] for field, names in self._taken.items() if len(names) == 1} | {
            field: name for field, name in wanted.items() if name == "" or len(self._taken[field]) > 1
        }

    def problems(self, rows: Iterable[Row]) -> Iterator[tuple[Row, Problem]]:
        """The problems, each with its row. Raises InvalidField for the first wrong row, or if every row is wrong."""
        try:
            yield from self._valid(rows)
        finally:
            # Before the file is closed, whoever still holds the rows.
            if isinstance(rows, Generator):
                rows.close()
        if self._first_error is not None and not self.num_problems:
            of_all = f"; none of {counted(self.num_skipped, 'row')} is valid"
            raise InvalidField(self._first_error.field, self._first_error.reason + of_all)
        for field, name in self._given.items():
            if name and not self._taken[field] and self.num_problems:
                raise InvalidField(self._option(field), no_such_column(name, self._example))

    def remarks(self) -> tuple[str, ...]:
        """What the user should know, one sentence each: the columns that were taken, missing answers, the rows."""
        found = self._of_the_file + [
            f"column '{column}' is taken for the {field}; {self._option(field)} says otherwise"
            for field, columns in sorted(self._taken.items())
            for column in columns
            if column not in (field, self._given.get(field))
        ]
        if not self.num_with_answer and self._given.get("answer") != "":
            found.append(f"no answers to grade against: {listed(self._example)}")
        found += self._remarks.sentences()
        if self._first_skipped is not None:
            number = counted(self.num_skipped, "invalid row")
            found.append(
                f"{number} {'is' if self.num_skipped == 1 else 'are'} left out; {self._first_skipped}"
            )
        return tuple(found)

    def _valid(self, rows: Iterable[Row]) -> Iterator[tuple[Row, Problem]]:
        for row in rows:
            try:
                problem = self._problem(row)
            except InvalidField as error:
                if self._on_skipped is None:
                    raise
                self._leave_out(row.where, error, row.values)
                continue
            self.num_problems += 1
            self.num_with_answer += problem.answer is not None
            yield row, problem

    def _problem(self, row: Row) -> Problem:
        columns = self._columns(row)
        prefix, is_closed = f"{row.where}{self._separator}", self._is_closed(row.values)
        problem = problem_of(row.values, columns, prefix=prefix, is_closed=is_closed)
        self._remarks.read(row.values, columns, problem, row.where)
        return problem

    def _columns(self, row: Row) -> Columns:
        """The columns of a row. In JSONL each line may have others; lines with the same ones are chosen for once."""
        shape = tuple((name, isinstance(value, Mapping)) for name, value in row.values.items())
        if (known := self._columns_of.get(shape)) is not None:
            return known
        self._example = self._example or row.values
        found = {
            field: choose_column(field, row.values, self._given.get(field), self._option) for field in FIELDS
        }
        if not found["problem"]:
            if not self._taken["problem"]:
                raise self._no_problem(row)
            found["problem"] = self._taken["problem"][0]  # it is missing here, and is named so
        for field, column in found.items():
            if column and column not in self._taken[field] and len(self._taken[field]) < MOST_TAKEN:
                self._taken[field].append(column)
        columns = Columns(**{field: column or "" for field, column in found.items()})
        # An object that lacks a name here may have it in another row.
        is_final = None not in found.values() or not any(is_object for _, is_object in shape)
        if is_final and len(self._columns_of) < MOST_SHAPES and len(shape) <= MOST_REMEMBERED:
            self._columns_of[shape] = columns
        return columns

    def _no_problem(self, row: Row) -> InvalidField:
        if name := self._given.get("problem"):
            return InvalidField(self._option("problem"), no_such_column(name, row.values))
        # Rows of a table have their columns in common.
        place = "" if row.where.startswith("row") else f"{row.where}{self._separator}"
        reason = f"is required: say with {self._option('problem')} which column has it; {listed(row.values)}"
        return InvalidField(f"{place}problem", reason)

    def _leave_out(self, where: str, error: InvalidField, values: Mapping[str, Any] | None = None) -> None:
        assert self._on_skipped is not None
        self.num_skipped += 1
        skipped = Skipped.of(where, error, values)
        self._first_error = self._first_error or error
        self._first_skipped = self._first_skipped or skipped
        self._on_skipped(skipped)
