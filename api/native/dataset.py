"""The problems of a submission, from a file or from JSON: read once, checked, and spooled until they are stored."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from specreason.errors import InvalidField
from specreason.store.queue.problems import NewProblem
from specreason.store.queue.spool import Spool
from specreason.submission.columns import Columns
from specreason.submission.datasets import Format, Row, read_rows
from specreason.submission.intake import Intake, Skipped
from specreason.submission.jsonl import BLANK_PER_LINE
from specreason.words import counted, shown

# The most invalid rows that an answer lists; it counts all.
MOST_SKIPPED = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SkippedRow:
    """A row that was left out: its place, the column at fault (null for the whole row), and what is wrong."""

    where: str
    field: str | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """What a submission says of its problems.

    `read` gives the rows, and tells the intake what it cannot read.
    `name` is the field of the request that has them, and `most` their largest number. Where rows are `inline`, they
    are JSON of this request. What `mapping` leaves out is chosen by the names of the columns.
    """

    name: str
    read: Callable[[Intake], Iterable[Row]]
    mapping: Columns | None
    most: int
    skip_invalid: bool = False
    inline: bool = False

    @classmethod
    def of_file(cls, content: BinaryIO, written: Format | None, *, most: int, **more: Any) -> Dataset:
        """The rows of an open file; None: of the format that its content has."""

        def read(intake: Intake) -> Iterable[Row]:
            most_blank = BLANK_PER_LINE * most
            on_bad, on_remark = intake.on_bad, intake.on_remark
            return read_rows(content, written, on_bad=on_bad, on_remark=on_remark, most_blank=most_blank)

        return cls(name="file", read=read, most=most, **more)

    @classmethod
    def of_json(cls, name: str, values: list[Any], **more: Any) -> Dataset:
        """The items of a list in the body."""

        def read(intake: Intake) -> Iterable[Row]:
            for index, value in enumerate(values):
                where = f"{name}[{index}]"
                if isinstance(value, dict):
                    yield Row(where=where, values=value, line=b"")
                    continue
                error = InvalidField(where, f"must be an object, not {shown(value)}")
                if intake.on_bad is None:
                    raise error
                intake.on_bad(where, error)

        return cls(name=name, read=read, inline=True, **more)

    def intake(self, on_skipped: Callable[[Skipped], None]) -> Intake:
        mapping = self.mapping
        given = {} if mapping is None else {name: getattr(mapping, name) for name in mapping.model_fields_set}
        return Intake(
            given,
            lambda field: f"mapping.{field}",
            on_skipped=on_skipped if self.skip_invalid else None,
            separator="." if self.inline else ": ",
            # A list of its own is a dataset; `problems` are written for this API.
            is_closed=self._is_own if self.name == "problems" and mapping is None else _never,
        )

    @staticmethod
    def _is_own(row: Mapping[str, Any]) -> bool:
        return "problem" in row or "messages" in row


@dataclass(slots=True, eq=False)
class DatasetProblems:
    """The problems of a dataset. The first iteration reads them, and tells at its end the remarks and what it skipped.

    It raises InvalidField that names the row, and if there is no problem or too many.
    """

    dataset: Dataset
    spool: Spool | None = None
    remarks: tuple[str, ...] = ()
    num_skipped: int = 0
    skipped: list[SkippedRow] = field(default_factory=list)

    def __iter__(self) -> Iterator[NewProblem]:
        return iter(self.spool) if self.spool is not None else self._read()

    def _read(self) -> Iterator[NewProblem]:
        name, most, spool = self.dataset.name, self.dataset.most, Spool()
        skipped: list[SkippedRow] = []

        def skip(row: Skipped) -> None:
            if len(skipped) < MOST_SKIPPED:
                skipped.append(SkippedRow(where=row.where, field=row.field or None, reason=row.reason))
            check_number()

        def check_number() -> None:
            if intake.num_rows > most:
                raise InvalidField(name, f"has more than {counted(most, 'problem')}")

        intake = self.dataset.intake(skip)
        for _, problem in intake.problems(self.dataset.read(intake)):
            check_number()
            new = NewProblem.of(problem)
            spool.add(new)
            yield new
        if not intake.num_problems:
            raise InvalidField(name, "has no problems")
        self.remarks, self.num_skipped, self.skipped = intake.remarks(), intake.num_skipped, skipped
        self.spool = spool


def _never(_: Mapping[str, Any]) -> bool:
    return False
