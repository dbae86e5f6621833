"""The dataset that a user names where a file could stand."""

from __future__ import annotations

import os
from collections.abc import Callable

from specreason.errors import InvalidField
from specreason.named_datasets.names import is_like_a_name, names
from specreason.named_datasets.opening import open_dataset
from specreason.named_datasets.values import NamedProblems


def named_problems(
    given: str, *, limit: int | None, seed: int = 0, announce: Callable[[str], None]
) -> NamedProblems | None:
    """The first `limit` problems of a named dataset; None if `given` is a file, the path of one, or `-`.

    A file goes before a dataset of the same name; a folder does not. `announce` gets lines of progress. Raises what
    `open_dataset` does, also for a word that is neither a file nor a name, and InvalidField for a limit of a file.
    """
    if is_named(given):
        return open_dataset(given, limit=limit, seed=seed, announce=announce)
    if given in names():
        announce(f"{given} is a file here, and is read as one, not as the dataset of this name")
    if limit is not None:
        raise InvalidField("--limit", "is for a dataset that has a name; all of a file is taken")
    return None


def is_named(given: str) -> bool:
    """Whether it is meant as a dataset's name: a word that no file is called."""
    # Unlike those of Path, these take a word that is too long for a file as the name of none.
    return is_like_a_name(given) and (os.path.isdir(given) or not os.path.exists(given))  # noqa: PTH110, PTH112
