"""Logging of the project's processes: to stderr, one line per event, whatever is in the event."""

from __future__ import annotations

import logging
from types import TracebackType
from typing import Any

from specreason.visible import escaped

# Characters of one message. A longer one quotes data of a user.
LONGEST = 4000
INDENT = "    "


class OneLine(logging.Formatter):
    """One line for each message, with control characters escaped. Tracebacks follow it on indented lines."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 (logging's name)
        """The line of the message."""
        message = record.message
        record.message = escaped(message if len(message) <= LONGEST else f"{message[:LONGEST]}…")
        return super().formatMessage(record)

    def formatException(  # noqa: N802 (logging's name)
        self,
        ei: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None] | Any,
    ) -> str:
        """The lines of the traceback. An error's message may have line breaks, too."""
        return _indented(super().formatException(ei))

    def formatStack(self, stack_info: str) -> str:  # noqa: N802 (logging's name)
        """The lines of a stack."""
        return _indented(stack_info)


def log_to_stderr(level: str) -> None:
    """`level` is a name such as INFO, for the project's own loggers. Other libraries log from WARNING on."""
    handler = logging.StreamHandler()
    handler.setFormatter(OneLine())
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    for name in ("specreason", "worker", "api", "__main__"):
        logging.getLogger(name).setLevel(level.upper())
    # It warns with the whole answer of whatever takes it too long.
    logging.getLogger("math_verify").setLevel(logging.ERROR)


def _indented(lines: str) -> str:
    return "\n".join(f"{INDENT}{escaped(line)}" for line in lines.split("\n"))
