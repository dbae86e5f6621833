"""The problems of a named dataset, and what a batch remembers of where they are from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# One problem: `problem`, `answer` (None without a gold answer), `id`, and columns that are kept as its source.
ProblemRow = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedProblems:
    """Rows in their order, and their origin. `remarks` are sentences on what the user should know.

    `revision` is a commit of the hub or the version of a package, None for bundled problems. `file_sha256` is that of
    the hub's file. `seed` is None where no random number was used.
    """

    name: str
    rows: tuple[ProblemRow, ...]
    revision: str | None = None
    file_sha256: str | None = None
    seed: int | None = None
    remarks: tuple[str, ...] = ()

    @property
    def jsonl(self) -> bytes:
        """The rows as a file: one JSON object a line, UTF-8."""
        return "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in self.rows).encode()

    @property
    def filename(self) -> str:
        """A name for that file."""
        return f"{self.name.replace(':', '-')}.jsonl"

    @property
    def metadata(self) -> dict[str, Any]:
        """What a batch of these problems has as metadata.

        `dataset_sha256` is that of `jsonl`: it differs if one problem does, or if there are more of them.
        """
        known = {
            "dataset": self.name,
            "dataset_revision": self.revision,
            "dataset_sha256": hashlib.sha256(self.jsonl).hexdigest(),
            "dataset_file_sha256": self.file_sha256,
            "dataset_seed": self.seed,
        }
        return {key: value for key, value in known.items() if value is not None}
