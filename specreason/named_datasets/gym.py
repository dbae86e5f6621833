"""The dataset `reasoning-gym:TASK`: problems that the package of this name makes, without a network.

Source: Stojanovski et al., "Reasoning Gym: Reasoning Environments for Reinforcement Learning with Verifiable Rewards",
2025. Each task has a scorer of its own, which is not asked here: answers are graded as those of any other dataset.
"""

from __future__ import annotations

import contextlib
import io
import json
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

from specreason.errors import ExtraMissing, InvalidField
from specreason.named_datasets.names import GYM
from specreason.named_datasets.values import NamedProblems
from specreason.words import counted, suggestion

PACKAGE, EXTRA = "reasoning_gym", "datasets"
DEFAULT_LIMIT = 100
# It has no problems of its own: it mixes those of other tasks, which it must be given.
MIXTURE = "composite"
LINE_EVERY_S = 10.0


def is_installed() -> bool:
    """Whether the package is here. Does not import it."""
    return find_spec(PACKAGE) is not None


def package_version() -> str:
    """The version of the package, which decides what problems a seed gives."""
    return version(PACKAGE)


def tasks() -> tuple[str, ...]:
    """The names of the tasks, sorted. Raises ExtraMissing without the package."""
    _require()
    with _quiet():
        from reasoning_gym.factory import DATASETS
    return tuple(sorted(set(DATASETS) - {MIXTURE}))


def gym_problems(
    task: str, limit: int | None, seed: int, announce: Callable[[str], None]
) -> NamedProblems:
    """The first `limit` problems of the task under `seed`; without a limit, DEFAULT_LIMIT of them.

    Raises InvalidField for an unknown task, and ExtraMissing without the package.
    """
    known, name = tasks(), f"{GYM}:{task}"
    if task not in known:
        raise InvalidField(
            name, f"there is no task of this name{suggestion(task, known)}; `specreason datasets {GYM}` lists them"
        )
    number = DEFAULT_LIMIT if limit is None else limit
    rows = tuple(_rows(task, number, seed, announce))
    num_open = sum(row["answer"] is None for row in rows)
    remarks = (
        (f"{counted(num_open, 'problem')} of {name} have no gold answer: only its own scorer can judge them",)
        if num_open
        else ()
    )
    return NamedProblems(name=name, rows=rows, revision=package_version(), seed=seed, remarks=remarks)


def _rows(task: str, number: int, seed: int, announce: Callable[[str], None]) -> Iterator[dict[str, Any]]:
    import reasoning_gym

    told_at = time.monotonic()
    with _quiet():
        dataset = reasoning_gym.create_dataset(task, size=number, seed=seed)
    for index in range(number):
        with _quiet():
            item = dataset[index]
        yield {
            "problem": item["question"],
            "answer": item["answer"],
            "id": f"{task}-{index}",
            "task": task,
            "task_metadata": as_json(item["metadata"]),
        }
        if time.monotonic() - told_at >= LINE_EVERY_S:
            told_at = time.monotonic()
            announce(f"Making {task}: {index + 1:,} of {number:,} problems")


def as_json(metadata: object) -> Any:
    """What a task says about a problem, with text in place of values and keys that JSON lacks."""
    if isinstance(metadata, dict):
        return {str(key): as_json(value) for key, value in metadata.items()}
    if isinstance(metadata, list | tuple):
        return [as_json(value) for value in metadata]
    try:
        json.dumps(metadata, allow_nan=False)
    except (TypeError, ValueError):
        return str(metadata)
    return metadata


def _require() -> None:
    if not is_installed():
        raise ExtraMissing("reasoning-gym", EXTRA)


def _quiet() -> contextlib.redirect_stdout[io.StringIO]:
    """Some tasks print while they make their problems; standard output is for data."""
    return contextlib.redirect_stdout(io.StringIO())
