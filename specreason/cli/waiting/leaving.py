"""What a command says when its user ends it while something of the user's goes on elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from specreason.cli.exits import EXIT_TERMINATED
from specreason.errors import Detached, Stopped


@contextmanager
def saying_at_the_end(*, interrupted: str, stopped: str) -> Iterator[None]:
    """Ctrl-C in the block raises Detached, SIGTERM raises Stopped, each with its message."""
    try:
        yield
    except KeyboardInterrupt:
        raise Detached(interrupted) from None
    except SystemExit as leaving:
        if leaving.code != EXIT_TERMINATED:
            raise
        raise Stopped(stopped) from None
