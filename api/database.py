"""The application's database, for the routes."""

from __future__ import annotations

from fastapi import Request

from specreason.store.session import Database


def database_of(request: Request) -> Database:
    """The pool that `create_app` was given."""
    database: Database = request.app.state.database
    return database
