"""Reads a dataset to its end before anything is sent: checks and counts every row, and writes it as JSONL."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO

from specreason.cli.dataset.columns import choose_columns
from specreason.cli.dataset.rows import Format, read_rows
from specreason.cli.dataset.tokens import TokenCounter
from specreason.errors import InvalidField
from specreason.submission.problem import BUNDLED_PROBLEMS, Columns, problem_of
from specreason.submission.problem_remarks import ProblemRemarks
from specreason.words import nearest

SPOOL_BYTES = 1 << 20  # a larger one goes to disk


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """`file` is open JSONL. `num_tokens` counts the problems' tokens; 0 without a counter.

    `remarks` are sentences on what is valid and perhaps not meant.
    """

    file: IO[bytes]
    columns: Columns
    num_problems: int
    num_with_answer: int
    num_bytes: int
    num_tokens: int
    remarks: tuple[str, ...]


@contextmanager
def checked_dataset(
    path: str,
    written: Format,
    given: Mapping[str, str | None],
    counter: TokenCounter | None,
    tell: Callable[[int], None] | None = None,
) -> Iterator[Dataset]:
    """Return the dataset at `path`, or `-`. Raises InvalidField for the first wrong row, before anything is sent.

    `tell` gets the number of each row that is read.
    The checked bytes are the sent bytes, even if the file changes meanwhile.
    """
    num_problems = num_with_answer = num_tokens = 0
    columns, remarks = None, ProblemRemarks()
    with _input(path) as source, tempfile.SpooledTemporaryFile(max_size=SPOOL_BYTES) as spool:
        for row in read_rows(source, written):
            columns = columns or choose_columns(row.values, given)
            problem = problem_of(row.values, columns, prefix=f"{row.where}: ")
            remarks.read(row.values, columns, problem, row.where)
            num_problems += 1
            if tell is not None:
                tell(num_problems)
            num_with_answer += problem.answer is not None
            num_tokens += counter.count(problem.turns) if counter is not None else 0
            spool.write(row.line)
        if columns is None:
            raise InvalidField(path, "has no problems")
        yield Dataset(
            file=spool,
            columns=columns,
            num_problems=num_problems,
            num_with_answer=num_with_answer,
            num_bytes=spool.tell(),
            num_tokens=num_tokens,
            remarks=remarks.sentences(),
        )


@contextmanager
def _input(path: str) -> Iterator[BinaryIO]:
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
