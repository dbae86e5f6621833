"""Opens the database of SPECREASON_DATABASE_URL for the commands that do not go through the API."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from specreason.settings import load_settings
from specreason.store.session import Database, connect


@contextmanager
def opened_database() -> Iterator[Database]:
    """Connect until the end of the block. Raises InputError for a bad URL and StoreUnavailable for a silent server."""
    database = connect(load_settings().database(), pool_size=1)
    try:
        yield database
    finally:
        database.dispose()
