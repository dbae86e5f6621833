"""Opens a dataset by its name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from specreason.errors import InvalidField
from specreason.named_datasets.bundled import demo_problems
from specreason.named_datasets.gym import gym_problems
from specreason.named_datasets.hub_problems import hub_problems
from specreason.named_datasets.names import DEMO, GYM, parsed
from specreason.named_datasets.values import NamedProblems
from specreason.words import counted


def open_dataset(
    name: str, *, limit: int | None = None, seed: int = 0, announce: Callable[[str], None]
) -> NamedProblems:
    """The first `limit` problems of a named dataset; without a limit all, or its default where there are endless ones.

    A larger limit adds problems behind the same first ones. `seed` chooses the problems that a generator makes and the
    order of options; other datasets do not need it. `announce` gets a line before and during what takes long.
    Raises InvalidField for an unknown name or a limit below 1, ExtraMissing where a package is missing, InputError for
    a file that the hub refuses or that is not the pinned one, and Unreachable if the hub does not answer.
    """
    if limit is not None and limit < 1:
        raise InvalidField("--limit", f"must be at least 1, not {limit}")
    wanted = parsed(name)
    if wanted.dataset == DEMO:
        return demo_problems(limit, seed)
    if wanted.dataset == GYM:
        return gym_problems(wanted.task, limit, seed, announce)
    found = hub_problems(wanted, limit, seed, announce)
    if limit is not None and limit > len(found.rows):
        has_only = f"{wanted} has only {counted(len(found.rows), 'problem')}"
        return replace(found, remarks=(*found.remarks, has_only))
    return found
