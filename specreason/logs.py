"""Logging of the project's processes: to stderr, one line per event, whatever is in the event.

A line has what is bound where it is written: batch, job, attempt and step, while a worker runs a job. With the format
`json` each line is one JSON object, tracebacks included.
"""

from __future__ import annotations

import logging
from types import TracebackType
from typing import Any, Literal

from structlog.contextvars import get_contextvars, merge_contextvars
from structlog.processors import JSONRenderer, TimeStamper, format_exc_info
from structlog.stdlib import ProcessorFormatter, add_log_level, add_logger_name
from structlog.typing import EventDict

from specreason.visible import ascii_json, escaped

LogFormat = Literal["text", "json"]

# Characters of one message. A longer one quotes data of a user.
LONGEST = 4000
# Characters of one traceback in a line of JSON.
LONGEST_TRACEBACK = 40_000
INDENT = "    "


class OneLine(logging.Formatter):
    """One line for each message, with control characters escaped. Tracebacks follow it on indented lines."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 (logging's name)
        """The line of the message, and behind it what is bound here."""
        record.message = escaped(_cut(record.message, LONGEST) + _bound())
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


def json_lines() -> logging.Formatter:
    """One JSON object for each message, in printable ASCII: `timestamp`, `level`, `logger`, `event`, what is bound, and
    `exception` where there is one."""
    return ProcessorFormatter(
        foreign_pre_chain=[
            merge_contextvars,
            add_log_level,
            add_logger_name,
            TimeStamper(fmt="iso", utc=True),
        ],
        processors=[
            ProcessorFormatter.remove_processors_meta,
            format_exc_info,
            _bounded,
            JSONRenderer(serializer=_one_object),
        ],
    )


def log_to_stderr(level: str, log_format: LogFormat = "text") -> None:
    """`level` is a name such as INFO, for the project's own loggers. Other libraries log from WARNING on."""
    handler = logging.StreamHandler()
    handler.setFormatter(json_lines() if log_format == "json" else OneLine())
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    for name in ("specreason", "worker", "api", "__main__"):
        logging.getLogger(name).setLevel(level.upper())
    # It warns with the whole answer of whatever takes it too long.
    logging.getLogger("math_verify").setLevel(logging.ERROR)


def _bound() -> str:
    bound = get_contextvars()
    return f" [{' '.join(f'{name}={value}' for name, value in sorted(bound.items()))}]" if bound else ""


def _bounded(logger: object, method: str, event: EventDict) -> EventDict:
    event["event"] = _cut(str(event["event"]), LONGEST)
    if "exception" in event:
        event["exception"] = _cut(event["exception"], LONGEST_TRACEBACK)
    return event


def _one_object(event: EventDict, **options: object) -> str:
    return ascii_json({name: _plain(value) for name, value in event.items()})


def _plain(value: object) -> object:
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[:longest]}…"


def _indented(lines: str) -> str:
    return "\n".join(f"{INDENT}{escaped(line)}" for line in lines.split("\n"))
