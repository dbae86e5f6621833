"""SQL of a test, each statement in a transaction of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import text

from specreason.store.session import Database, transaction


def execute(database: Database, sql: str) -> None:
    with transaction(database) as connection:
        connection.execute(text(sql))


def scalar(database: Database, sql: str) -> object:
    with transaction(database) as connection:
        return connection.scalar(text(sql))


def rows_of(database: Database, sql: str) -> Sequence[Any]:
    with transaction(database) as connection:
        return connection.execute(text(sql)).all()
