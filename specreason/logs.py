"""Logging of the project's processes: to stderr, one line per event."""

from __future__ import annotations

import logging


def log_to_stderr(level: str) -> None:
    """`level` is a name such as INFO, for the project's own loggers. Other libraries log from WARNING on."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for name in ("specreason", "worker", "api", "__main__"):
        logging.getLogger(name).setLevel(level.upper())
