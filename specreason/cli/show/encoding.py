"""The standard streams, made safe to write to: no character and no closed stream ends a command in a traceback."""

from __future__ import annotations

import codecs
import io
import os
import sys

# What the tool prints itself, for terminals that cannot show it.
PLAIN_OF = {
    "─": "-",
    "–": "-",
    "—": "-",
    "−": "-",
    "·": "-",
    "×": "x",
    "…": "...",
    "█": "#",
    "▓": "=",
    "░": ".",
    "≥": ">=",
}
HANDLER = "specreason-plain"


def prepare_streams() -> None:
    """Let stdout and stderr replace what their encoding lacks, and open stdin and stderr on nothing if they are closed.

    A number of a closed stream would be given to a socket, and whatever is printed then would be sent.
    """
    for number in (0, 2):
        try:
            os.fstat(number)
        except OSError:
            os.dup2(os.open(os.devnull, os.O_RDWR), number)
    sys.stdin = sys.stdin or open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 (open to the end)
    sys.stderr = sys.stderr or open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 (open to the end)
    codecs.register_error(HANDLER, _plain)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=HANDLER)


def discard_stdout() -> None:
    """Send what is still to be written nowhere: Python tries again at its end, and would complain again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _plain(error: UnicodeError) -> tuple[str | bytes, int]:
    """Replace a character that an encoding lacks. Bytes of the command line that are no text leave as they came."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    character = error.object[error.start]
    raw = ord(character) - 0xDC00
    if 0x80 <= raw <= 0xFF:
        return bytes([raw]), error.start + 1
    return PLAIN_OF.get(character, "?"), error.start + 1
