"""The names of datasets: `NAME`, `NAME@REVISION` for a file of the hub, `reasoning-gym:TASK`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from specreason.errors import InvalidField
from specreason.named_datasets.pins import pins
from specreason.words import LONGEST_SHOWN, shown, suggestion

DEMO, GYM = "demo", "reasoning-gym"
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Name:
    """`dataset` is one of `names()`. `task` is "" but for reasoning-gym; `revision` is the user's own, or None."""

    dataset: str
    task: str = ""
    revision: str | None = None

    def __str__(self) -> str:
        """The name without its revision, as batches remember it."""
        return f"{self.dataset}:{self.task}" if self.task else self.dataset


def names() -> tuple[str, ...]:
    """The datasets that have a name here."""
    return (*pins(), DEMO, GYM)


def parsed(text: str) -> Name:
    """The name in a text. Raises InvalidField with the known names for one that is none of them."""
    given, at, revision = text.partition("@")
    dataset, colon, task = given.partition(":")
    if dataset not in names():
        raise InvalidField(
            text[:LONGEST_SHOWN],
            f"there is no such file, and no dataset of this name: the names are {', '.join(names())}"
            f"{suggestion(given, names())}",
        )
    if dataset == GYM and not task:
        raise InvalidField(
            text, f"say which task, as in {GYM}:chain_sum; `specreason datasets {GYM}` lists them"
        )
    if colon and dataset != GYM:
        raise InvalidField(text, f"{dataset} has no tasks; leave out ':{task}'")
    if at and dataset not in pins():
        raise InvalidField(text, f"only a dataset of the hub has revisions; leave out '@{revision}'")
    if at and not _COMMIT.fullmatch(revision):
        raise InvalidField(text, f"a revision is a commit of 40 hexadecimal digits, not {shown(revision)}")
    return Name(dataset=dataset, task=task, revision=revision if at else None)


def is_like_a_name(text: str) -> bool:
    """Whether a text could be meant as a name: it has nothing of a path, and is not `-`."""
    return re.fullmatch(r"[A-Za-z0-9][\w-]*(:[\w-]*)?(@\w*)?", text) is not None
