"""The problems of an evaluation: a dataset by its name, or a file. All are checked before anything is sent."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from specreason.cli.dataset.named import is_named
from specreason.cli.dataset.reading import checked_dataset
from specreason.cli.show.output import print_message
from specreason.cli.waiting.sending import shown_reading
from specreason.errors import InvalidField
from specreason.submission.datasets import format_of
from specreason.submission.jsonl import canonical_json
from specreason.submission.text import storable
from specreason.words import LONGEST_SHOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class EvalDataset:
    """`content` is JSONL with the columns of `mapping`. `facts` say where the problems come from, beside the hash."""

    name: str
    content: bytes
    mapping: Mapping[str, str] | None
    num_problems: int
    remarks: tuple[str, ...] = ()
    facts: Mapping[str, Any]

    @property
    def hash(self) -> str:
        """The same for equal problems under equal columns."""
        columns = canonical_json(dict(self.mapping or {})).encode()
        return hashlib.sha256(self.content + columns).hexdigest()


def read_datasets(
    given: Sequence[str], columns: Mapping[str, str | None], *, limit: int | None
) -> tuple[EvalDataset, ...]:
    """The datasets that `--dataset` names: each value is a file, a name, or several with commas between them.

    `columns` are the user's, for files. Raises InvalidField for a wrong row, an unknown name, and two of one name.
    """
    # Unlike that of Path, it takes a list that is too long for a file as the name of none.
    is_file = os.path.isfile
    names = [name for each in given for name in ([each] if is_file(each) else each.split(","))]
    names = list(filter(None, map(str.strip, names)))
    if not names:
        raise InvalidField("--dataset", "names no dataset")
    if any(columns.values()) and all(map(is_named, names)):
        given_one = next(name for name, column in columns.items() if column)
        raise InvalidField(f"--{given_one}", "has no effect: a dataset with a name knows its columns")
    found: dict[str, EvalDataset] = {}
    for name in names:
        dataset = _read(name, columns, limit=limit)
        if dataset.name in found:
            raise InvalidField(
                "--dataset", f"two datasets are called '{dataset.name}': rename one of the files"
            )
        found[dataset.name] = dataset
    return tuple(found.values())


def _read(given: str, columns: Mapping[str, str | None], *, limit: int | None) -> EvalDataset:
    has_name = is_named(given)
    try:
        return _checked(given, {} if has_name else columns, has_name=has_name, limit=limit)
    except InvalidField as error:
        # A long word is not repeated whole.
        if error.field not in (given, given[:LONGEST_SHOWN]):
            raise
        raise InvalidField("--dataset", f"'{error.field}': {error.reason}") from error


def _checked(
    given: str, columns: Mapping[str, str | None], *, has_name: bool, limit: int | None
) -> EvalDataset:
    with (
        shown_reading(given) as tell,
        checked_dataset(
            given,
            format_of(given, None),
            columns,
            None,
            limit=limit if has_name else None,
            announce=print_message,
            tell=tell,
        ) as dataset,
    ):
        dataset.file.seek(0)
        facts = dict(dataset.metadata)
        return EvalDataset(
            name=facts.pop("dataset", None) or storable(Path(dataset.filename).stem),
            content=b"".join(islice(dataset.file, limit)),
            mapping=dataset.mapping,
            num_problems=min(dataset.num_problems, limit or dataset.num_problems),
            remarks=dataset.remarks,
            facts=facts,
        )
