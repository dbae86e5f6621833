"""The dataset `reasoning-gym:TASK`: problems that the package of this name makes, without a network.

Source: Stojanovski et al., "Reasoning Gym: Reasoning Environments for Reinforcement Learning with Verifiable Rewards",
2025. Each task has a scorer of its own, which is not asked here: answers are graded as those of any other dataset.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from importlib.util import find_spec
from typing import IO, Any

from specreason.children import kill_group, spawn_module
from specreason.errors import ExtraMissing, InputError, InvalidField
from specreason.named_datasets.making import HASH_SEED
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
    if not is_installed():
        raise ExtraMissing("reasoning-gym", EXTRA)
    # Modules of some tasks print.
    with contextlib.redirect_stdout(io.StringIO()):
        from reasoning_gym.factory import DATASETS
    return tuple(sorted(set(DATASETS) - {MIXTURE}))


def gym_problems(task: str, limit: int | None, seed: int, announce: Callable[[str], None]) -> NamedProblems:
    """The first `limit` problems of the task under `seed`; without a limit, DEFAULT_LIMIT of them.

    The same version of the package gives the same problems in every process. Call it from the main thread. Raises
    InvalidField for an unknown task, ExtraMissing without the package, and InputError if the package fails.
    """
    known, name = tasks(), f"{GYM}:{task}"
    if task not in known:
        raise InvalidField(
            name,
            f"there is no task of this name{suggestion(task, known)}; `specreason datasets {GYM}` lists them",
        )
    rows = tuple(_rows(task, DEFAULT_LIMIT if limit is None else limit, seed, announce))
    num_open = sum(row["answer"] is None for row in rows)
    remarks = (
        (f"{counted(num_open, 'problem')} of {name} have no gold answer: only its own scorer can judge them",)
        if num_open
        else ()
    )
    return NamedProblems(name=name, rows=rows, revision=package_version(), seed=seed, remarks=remarks)


def _rows(task: str, number: int, seed: int, announce: Callable[[str], None]) -> Iterator[dict[str, Any]]:
    told_at, num_made = time.monotonic(), 0
    with tempfile.TemporaryFile() as printed:
        reader, writer = os.pipe()
        child = spawn_module(
            "specreason.named_datasets.making",
            *(task, str(number), str(seed), "--rows-fd", str(writer)),
            environment={"PYTHONHASHSEED": HASH_SEED},
            pass_fds=[writer],
            output=printed,
        )
        os.close(writer)
        try:
            with os.fdopen(reader, encoding="utf-8") as lines:
                for line in lines:
                    # One that is killed may leave half of a line.
                    if not line.endswith("\n"):
                        break
                    num_made += 1
                    yield json.loads(line)
                    if time.monotonic() - told_at >= LINE_EVERY_S:
                        told_at = time.monotonic()
                        announce(f"Making {task}: {num_made:,} of {number:,} problems")
            child.wait()
        finally:
            kill_group(child)
        if num_made < number:
            raise InputError(
                f"{GYM}:{task}: the package has failed ({_last_line(printed)}); another seed may help"
            )


def _last_line(printed: IO[bytes]) -> str:
    printed.seek(0)
    lines = printed.read().decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it says no reason"
