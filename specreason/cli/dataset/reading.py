"""Reads a dataset to its end before anything is sent: checks and counts every row, and writes it as JSONL."""

from __future__ import annotations

import io
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, BinaryIO

from specreason.cli.dataset.named import named_problems
from specreason.cli.dataset.tokens import TokenCounter
from specreason.errors import InvalidField
from specreason.submission.datasets import Format, read_rows
from specreason.submission.intake import Intake, Skipped
from specreason.submission.problem import BUNDLED_PROBLEMS
from specreason.words import nearest

SPOOL_BYTES = 1 << 20  # a larger one goes to disk


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """`file` is open JSONL. `num_tokens` counts the problems' tokens; 0 without a counter.

    `columns` has the column of each field that has one, "" where the user wants none. `remarks` are sentences on what
    is valid and perhaps not meant. `num_skipped` rows were invalid and are not in the file. `filename` is for the
    batch, as is `metadata`, which says where a named dataset is from and is empty for a file.
    """

    file: IO[bytes]
    filename: str
    metadata: Mapping[str, Any]
    columns: Mapping[str, str]
    num_problems: int
    num_with_answer: int
    num_skipped: int
    num_bytes: int
    num_tokens: int
    remarks: tuple[str, ...]

    @property
    def mapping(self) -> dict[str, str] | None:
        """The columns for the API; None if it finds the same ones by itself."""
        chosen = dict(self.columns)
        return None if all(field == column for field, column in chosen.items()) else chosen


@contextmanager
def checked_dataset(
    path: str,
    written: Format | None,
    given: Mapping[str, str | None],
    counter: TokenCounter | None,
    *,
    limit: int | None = None,
    announce: Callable[[str], None],
    tell: Callable[[int], None] | None = None,
    on_skipped: Callable[[Skipped], None] | None = None,
) -> Iterator[Dataset]:
    """Return the dataset at `path`, or `-`, or the first `limit` problems of the dataset that is named so.

    Raises InvalidField for the first wrong row, before anything is sent, and what `named_problems` does. With
    `on_skipped`, wrong rows are told and left out. `tell` gets the number of each row that is read, `announce` lines.
    The checked bytes are the sent bytes, even if the file changes meanwhile.
    """
    num_tokens = 0
    intake = Intake(given, lambda field: f"--{field}", on_skipped=on_skipped)
    named = named_problems(path, limit=limit, announce=announce)
    read = opened(path) if named is None else io.BytesIO(named.jsonl)
    with read as source, tempfile.SpooledTemporaryFile(max_size=SPOOL_BYTES) as spool:
        rows = read_rows(source, written, on_bad=intake.on_bad, on_remark=intake.on_remark)
        try:
            for row, problem in intake.problems(rows):
                if tell is not None:
                    tell(intake.num_rows)
                num_tokens += counter.count(problem.turns) if counter is not None else 0
                spool.write(row.line)
        except InvalidField as error:
            raise InvalidField(path if error.field == "file" else error.field, error.reason) from error
        yield Dataset(
            file=spool,
            filename=_filename(path) if named is None else named.filename,
            metadata={} if named is None else named.metadata,
            columns=intake.mapping,
            num_problems=intake.num_problems,
            num_with_answer=intake.num_with_answer,
            num_skipped=intake.num_skipped,
            num_bytes=spool.tell(),
            num_tokens=num_tokens,
            remarks=(*(named.remarks if named is not None else ()), *intake.remarks()),
        )


@contextmanager
def opened(path: str) -> Iterator[BinaryIO]:
    """Open the file at `path`, or `-`, to be read from any place. Raises InvalidField that says why it cannot."""
    if path == "-":
        with _copied(sys.stdin.buffer) as file:
            yield file
        return
    try:
        file = Path(path).open("rb")  # noqa: SIM115 (closed below; an error of the reader is not one of opening)
    except FileNotFoundError as error:
        raise InvalidField(path, f"there is no such file{_what_there_is(Path(path))}") from error
    except OSError as error:
        raise InvalidField(path, f"cannot be read ({error.strerror})") from error
    with file, file if file.seekable() else _copied(file) as seekable:
        yield seekable


def _filename(path: str) -> str:
    """A name for the rows of a file, which are sent as JSONL."""
    return "stdin.jsonl" if path == "-" else f"{Path(path).stem}.jsonl"


def _what_there_is(missing: Path) -> str:
    """Name a file with nearly the same name in the same folder, or else the bundled problems."""
    try:
        # Nearly every two files of one kind are alike in their endings.
        beside = {each.stem: each.name for each in missing.parent.iterdir() if each.is_file()}
    except OSError:
        beside = {}
    near = nearest(missing.stem, beside)
    if near is None:
        return f"; bundled problems to try: {BUNDLED_PROBLEMS}"
    return f"; did you mean '{beside[near]}'?"


@contextmanager
def _copied(pipe: BinaryIO) -> Iterator[BinaryIO]:
    """Return the content of a pipe as a file: only a file can be read twice, and Parquet from its end."""
    with tempfile.TemporaryFile() as file:
        shutil.copyfileobj(pipe, file)
        file.seek(0)
        yield file
