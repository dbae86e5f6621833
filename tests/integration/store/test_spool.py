"""Checked problems wait in a spool, in memory or on the disk, and come back as they were."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from itertools import repeat
from pathlib import Path

import pytest

from specreason.errors import StoreUnavailable
from specreason.store.queue.problems import NewProblem
from specreason.store.queue.spool import IN_MEMORY_BYTES, Spool
from specreason.submission.chat import Message

CHAT = NewProblem(
    text="And now?",
    messages=(Message("system", "Be short."), Message("user", "And now?")),
    answer="é",
    problem_id="a",
    source={"level": 3, "of": [None, {"ü": 1.5}]},
    seed=7,
)


def plain(size: int) -> NewProblem:
    return NewProblem(text="x" * size)


def open_files_in(folder: Path) -> int:
    """Files that were unlinked count, too."""
    links = [path.readlink() for path in Path("/proc/self/fd").iterdir() if path.exists()]
    return sum(str(link).startswith(str(folder)) for link in links)


@pytest.mark.parametrize("size", [10, IN_MEMORY_BYTES], ids=["in memory", "on the disk"])
def test_problems_come_back_as_they_were_in_any_order_and_again(size: int) -> None:
    problems = [CHAT, plain(size), CHAT, plain(size + 1), plain(0)]
    spool = Spool()
    assert [spool.add(problem) for problem in problems] == list(range(5))
    assert list(spool) == list(spool) == problems
    numbers = random.Random(0).choices(range(5), k=30)
    assert [spool.problem(number) for number in numbers] == [problems[number] for number in numbers]


@pytest.mark.parametrize("size", [10, IN_MEMORY_BYTES], ids=["in memory", "on the disk"])
def test_problems_are_added_behind_the_last_one_after_another_was_read(size: int) -> None:
    spool = Spool()
    for number in range(4):
        spool.add(plain(size + number))
        assert spool.problem(number // 2) == plain(size + number // 2)
    assert list(spool) == [plain(size + number) for number in range(4)]


def test_the_file_goes_with_the_spool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    spool = Spool()
    spool.add(plain(2 * IN_MEMORY_BYTES))
    assert open_files_in(tmp_path) == 1
    reading: Iterator[NewProblem] | None = iter(spool)
    del spool
    assert reading is not None
    assert next(reading) == plain(2 * IN_MEMORY_BYTES)
    reading = None
    assert open_files_in(tmp_path) == 0
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("size", [10, 2 * IN_MEMORY_BYTES], ids=["many small ones", "a large one"])
def test_a_full_disk_is_told_once_as_what_passes(size: int) -> None:
    spool = Spool()
    spool.add(plain(2 * IN_MEMORY_BYTES))
    with Path("/dev/full").open("r+b", buffering=0) as full:
        os.dup2(full.fileno(), spool._file.fileno())
        with pytest.raises(StoreUnavailable, match=r"temporary files.*No space left"):
            list(map(spool.add, repeat(plain(size), 10_000)))
    del spool  # what is unwritten fails again, which nobody wants to know
