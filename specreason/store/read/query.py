"""Runs a user's own SQL statement."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg

from specreason.errors import InputError, StoreUnavailable
from specreason.store.session import Database, one_line, transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryAnswer:
    """The result of one SQL statement. Both are empty for a statement that returns no rows."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


def read_only_query(database: Database, sql: str) -> QueryAnswer:
    """Run one statement, which may not change anything. Raises InputError with Postgres's message."""
    with transaction(database) as connection:
        # The driver's own cursor gives `:` and `%` in the text no meaning.
        cursor = connection.connection.cursor()
        try:
            cursor.execute("SET TRANSACTION READ ONLY")
            cursor.execute(sql)
            columns = tuple(column[0] for column in cursor.description or ())
            return QueryAnswer(columns=columns, rows=tuple(cursor.fetchall() if columns else ()))
        except (psycopg.OperationalError, psycopg.errors.IdleInTransactionSessionTimeout) as error:
            raise StoreUnavailable(f"database: {one_line(error)}") from error
        except psycopg.Error as error:
            raise InputError(f"query: {one_line(error)}") from error
