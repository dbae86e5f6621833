"""Files that commands write."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from specreason.errors import InvalidField


@contextmanager
def written_whole(path: Path) -> Iterator[IO[str]]:
    """Open a file that takes its name only when the block ends without an error: no reader sees half of it.

    Raises InvalidField if it cannot be written.
    """
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    except OSError as error:
        raise InvalidField(str(path), f"cannot be written ({error.strerror})") from error
    part = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        part.chmod(0o666 & ~umask)  # as any file that a command makes; mkstemp's own is for its owner alone
        part.replace(path)
    except OSError as error:
        raise InvalidField(str(path), f"cannot be written ({error.strerror})") from error
    finally:
        part.unlink(missing_ok=True)
