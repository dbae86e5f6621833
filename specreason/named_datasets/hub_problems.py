"""The datasets of the hub as problems: a pinned file's rows, with the columns that each dataset has."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any

from specreason.errors import InputError, InvalidField
from specreason.named_datasets.choices import has_equal_options, lettered
from specreason.named_datasets.fetching import HubFile, hub_file
from specreason.named_datasets.names import Name
from specreason.named_datasets.pins import Pin, pins
from specreason.named_datasets.values import NamedProblems
from specreason.submission.datasets import format_of, read_rows
from specreason.submission.gold import OF_A_SOLUTION, gold_of
from specreason.words import counted


def hub_problems(name: Name, limit: int | None, seed: int, announce: Callable[[str], None]) -> NamedProblems:
    """The first `limit` problems of a dataset of the hub, in the file's order. The seed only shuffles options.

    Raises InputError, and Unreachable, as `hub_file` does, and InputError for a file with other columns.
    """
    pin = pins()[name.dataset]
    file = hub_file(str(name), pin, name.revision, announce)
    # Another commit may have more rows than the pinned one.
    raw = list(islice(_raw_rows(file), limit))
    return problems_of(str(name), pin, raw, file_sha256=file.sha256, revision=name.revision, seed=seed)


def problems_of(
    name: str, pin: Pin, raw: list[Mapping[str, Any]], *, file_sha256: str, revision: str | None, seed: int
) -> NamedProblems:
    """The problems in rows of the dataset's file. Raises InputError for rows with other columns."""
    remarks = []
    if revision not in (None, pin.revision):
        remarks.append(
            f"{name} is read at commit {revision}; its content is not checked against a known hash"
        )
    if pin.is_multiple_choice:
        rows = [lettered(row, seed) for row in raw]
        if num_equal := sum(map(has_equal_options, raw)):
            remarks.append(f"{counted(num_equal, 'problem')} of {name} have two options with the same text")
    else:
        rows = [_row(name, pin, number, row) for number, row in enumerate(raw)]
    return NamedProblems(
        name=name,
        rows=tuple(rows),
        revision=revision or pin.revision,
        file_sha256=file_sha256,
        seed=seed if pin.is_multiple_choice else None,
        remarks=tuple(remarks),
    )


def _raw_rows(file: HubFile) -> Iterator[Mapping[str, Any]]:
    """Raises InputError for a file that cannot be read."""
    # The cache gives the file under its own name, so that its ending says the format.
    written = format_of(str(file.path), None)
    try:
        for row in read_rows(io.BytesIO(file.content), written):
            yield row.values
    except InvalidField as error:
        raise InputError(f"{file.path}: {error.reason}") from error


def _row(name: str, pin: Pin, number: int, row: Mapping[str, Any]) -> dict[str, Any]:
    """One problem. A solution that the gold answer is taken out of is kept with it, as are all other columns."""
    for column in (pin.problem, pin.answer):
        if row.get(column) is None:
            raise InputError(f"{name}: a row of the file has no '{column}', so this is another file")
    try:
        gold = gold_of(row[pin.answer])
    except ValueError as error:
        raise InputError(f"{name}: '{pin.answer}' of row {number} {error}") from None
    used = {pin.problem, pin.answer, pin.id}
    rest = {column: value for column, value in row.items() if column not in used and value is not None}
    if gold.remark in OF_A_SOLUTION:
        rest["solution"] = row[pin.answer]
    number_or_id = row.get(pin.id) if pin.id else None
    return {
        "problem": row[pin.problem],
        "answer": gold.text,
        "id": f"{name}-{number}" if number_or_id is None else str(number_or_id),
        **rest,
    }
