"""Opens the database of SPECREASON_DATABASE_URL for the commands that do not go through the API."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from specreason.cli.running import absolute, find_running
from specreason.settings import load_settings
from specreason.store.session import Database, connect


@contextmanager
def opened_database(url: str | None = None) -> Iterator[Database]:
    """Connect until the end of the block. Raises InputError for a bad URL and StoreUnavailable for a silent server."""
    database = connect(url or load_settings().database(), pool_size=1)
    try:
        yield database
    finally:
        database.dispose()


def url_of_database(data_dir: Path | None) -> str:
    """The URL that is set, else that of the `specreason up` on this folder. Raises InvalidField without one."""
    settings = load_settings()
    running = find_running(absolute(data_dir)) if settings.database_url is None else None
    return settings.database() if running is None else running.database_url
