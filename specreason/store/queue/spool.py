"""Checked problems in a temporary file, until they are stored: which is faster than to check them again."""

from __future__ import annotations

import pickle
import weakref
from array import array
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from tempfile import SpooledTemporaryFile

from specreason.errors import StoreUnavailable
from specreason.store.queue.problems import NewProblem

IN_MEMORY_BYTES = 1 << 20


class Spool:
    """Problems in the order in which they were added. Its file goes with the last reference to it."""

    def __init__(self) -> None:
        self._file = SpooledTemporaryFile(IN_MEMORY_BYTES)  # noqa: SIM115 (the next line has it closed)
        weakref.finalize(self, _close, self._file)
        # Where each problem begins, in bytes, and behind them where the next one will.
        self._offsets = array("q", [0])
        self._is_at_end = True

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def add(self, problem: NewProblem) -> int:
        """Return the number of the problem: they count from 0. Raises StoreUnavailable if the disk is full."""
        content = pickle.dumps(
            (
                problem.text,
                problem.messages,
                problem.answer,
                problem.problem_id,
                dict(problem.source),
                problem.seed,
            )
        )
        with _reported():
            if not self._is_at_end:
                self._file.seek(self._offsets[-1])
                self._is_at_end = True
            self._file.write(content)
        self._offsets.append(self._offsets[-1] + len(content))
        return len(self) - 1

    def problem(self, number: int) -> NewProblem:
        start, end = self._offsets[number], self._offsets[number + 1]
        self._is_at_end = False
        with _reported():
            self._file.seek(start)
            content = self._file.read(end - start)
        text, messages, answer, problem_id, source, seed = pickle.loads(content)  # noqa: S301 (written by `add`)
        return NewProblem(
            text=text, messages=messages, answer=answer, problem_id=problem_id, source=source, seed=seed
        )

    def __iter__(self) -> Iterator[NewProblem]:
        return map(self.problem, range(len(self)))


def _close(file: SpooledTemporaryFile[bytes]) -> None:
    """On a full disk the unwritten bytes are not needed."""
    with suppress(OSError):
        file.close()


@contextmanager
def _reported() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreUnavailable(f"temporary files: {error.strerror}") from error
