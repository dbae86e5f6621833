"""Where the datasets of the hub lie: `pins.toml` as values."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """A file of the hub at one commit, and its columns. `id` is "" for a dataset without ids: its rows are numbered.

    `sha256` is that of the file's content at `revision`, in hexadecimal digits. A gated dataset is given to accounts
    that have accepted its terms.
    """

    repository: str
    revision: str
    file: str
    sha256: str
    num_problems: int
    licence: str
    problem: str = "problem"
    answer: str = "answer"
    id: str = ""
    is_gated: bool = False
    is_multiple_choice: bool = False


@cache
def pins() -> Mapping[str, Pin]:
    """The pins by the name of the dataset, in the order of `pins.toml`."""
    text = files(__package__).joinpath("pins.toml").read_text(encoding="utf-8")
    return {name: Pin(**table) for name, table in tomllib.loads(text).items()}
