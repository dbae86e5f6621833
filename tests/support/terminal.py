"""A terminal of a given width, in which a test runs a command and reads what a person sees."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pexpect
import pyte

# Tall enough for a whole command, so that nothing scrolls away.
ROWS = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a command left on the screen: `lines` without trailing blanks, `raw` with its escape sequences."""

    columns: int
    lines: tuple[str, ...]
    raw: str
    status: int

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def cell(self, heading: str, row: int = 0) -> str:
        """Return the first word under a heading of the first table, `row` rows below its rule."""
        top = next(place for place, line in enumerate(self.lines) if heading in line.split())
        start = self.lines[top].index(heading)
        return self.lines[top + 2 + row][start:].split()[0]


class Terminal:
    """A terminal that starts commands one after the other, each on a clear screen."""

    def __init__(self, columns: int, environment: Mapping[str, str]) -> None:
        self.columns = columns
        # Set by CI systems and by tests, these decide on colours and width in place of the terminal.
        decided = ("NO_COLOR", "FORCE_COLOR", "CI", "COLUMNS", "LINES")
        kept = {name: value for name, value in os.environ.items() if name not in decided}
        self._environment = {**kept, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8", **environment}

    def run(self, command: Sequence[str], *, timeout_s: float = 150) -> Seen:
        """Run a command to its end."""
        child = self.start(command, timeout_s=timeout_s)
        child.expect(pexpect.EOF)
        return self.seen(child)

    def start(self, command: Sequence[str], *, timeout_s: float = 150) -> pexpect.spawn[str]:
        """Start a command; a test may send it keys and wait for what it prints."""
        return pexpect.spawn(
            command[0],
            list(command[1:]),
            env=self._environment,
            dimensions=(ROWS, self.columns),
            encoding="utf-8",
            timeout=timeout_s,
            maxread=65536,
            codec_errors="replace",
        )

    def seen(self, child: pexpect.spawn[str]) -> Seen:
        """Return the screen of a command that has ended; `child` has read up to its end."""
        child.close()
        raw = child.before or ""
        status = child.exitstatus if child.exitstatus is not None else 128 + (child.signalstatus or 0)
        return Seen(columns=self.columns, lines=on_screen(raw, self.columns), raw=raw, status=status)


def on_screen(raw: str, columns: int) -> tuple[str, ...]:
    """Return the lines that a terminal shows after this output."""
    screen = pyte.Screen(columns, ROWS)
    pyte.Stream(screen).feed(raw)
    lines = [line.rstrip() for line in screen.display]
    while lines and not lines[-1]:
        lines.pop()
    return tuple(lines)
