"""JSON lines from a pipe, waited for until a given time."""

from __future__ import annotations

import json
import os
import select
import time
from types import TracebackType
from typing import Any, Self


class Lines:
    """The lines of the pipe `reader`; `ended` once no writer is left and every line is read."""

    def __init__(self, reader: int) -> None:
        self._reader = reader
        self._unread = b""
        self.ended = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._reader)

    def next(self, *, until: float) -> dict[str, Any] | None:
        """Return the next line; None if the pipe has ended, or at `until`, a time of time.monotonic()."""
        while b"\n" not in self._unread:
            left_s = max(0.0, until - time.monotonic())
            if not select.select([self._reader], [], [], left_s)[0]:
                return None
            chunk = os.read(self._reader, 1 << 16)
            if not chunk:
                self.ended = True
                return None
            self._unread += chunk
        line, _, self._unread = self._unread.partition(b"\n")
        read: dict[str, Any] = json.loads(line)
        return read
