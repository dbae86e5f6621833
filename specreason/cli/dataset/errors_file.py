"""The file of errors: the rows of a dataset that were left out, one JSON object a line, each with what is wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from specreason.errors import InvalidField
from specreason.submission.intake import Skipped


class ErrorsFile:
    """`path` is written with the first row; a file of that name is replaced. Without a row it is left as it is."""

    def __init__(self, path: Path, dataset: str) -> None:
        if dataset != "-" and path.resolve() == Path(dataset).resolve():
            raise InvalidField("--errors", "is the dataset itself; name another file")
        self.path = path
        self._file: IO[str] | None = None

    def write(self, skipped: Skipped) -> None:
        """Raises InvalidField if the file cannot be written."""
        line = {
            "where": skipped.where,
            "field": skipped.field or None,
            "reason": skipped.reason,
            "row": skipped.values,
        }
        try:
            if self._file is None:
                self._file = self.path.open("w", encoding="utf-8")
            # In ASCII: a row may hold half of a surrogate pair.
            self._file.write(json.dumps(line) + "\n")
        except OSError as error:
            reason = f"the file '{self.path}' cannot be written ({error.strerror})"
            raise InvalidField("--errors", reason) from error

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


@contextmanager
def errors_file(dataset: str, named: str | None, *, wanted: bool) -> Iterator[ErrorsFile | None]:
    """The file of errors of a dataset, beside it unless it is `named`; None if invalid rows are refused.

    Raises InvalidField for a name without `wanted`.
    """
    if not wanted:
        if named is not None:
            raise InvalidField(
                "--errors", "needs --skip-invalid: without it the first invalid row is refused"
            )
        yield None
        return
    read = Path("stdin" if dataset == "-" else dataset)
    beside = (
        read.with_name(f"{read.stem or 'dataset'}.errors.jsonl")
        if read.name
        else Path("dataset.errors.jsonl")
    )
    file = ErrorsFile(beside if named is None else Path(named), dataset)
    try:
        yield file
    finally:
        file.close()
