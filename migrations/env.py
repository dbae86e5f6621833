"""How Alembic reaches the database: over the connection of `migrate`, or by SPECREASON_DATABASE_URL."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from typing import Any

from alembic import context
from alembic.runtime.migration import MigrationContext, MigrationInfo
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from specreason.errors import InputError
from specreason.store.migrate import install_views
from specreason.store.session import connect, transaction
from specreason.store.tables import access, files, queue, trace, webhooks  # noqa: F401 -- they fill the metadata
from specreason.store.tables.columns import metadata


def install_views_at_head(
    ctx: MigrationContext, step: MigrationInfo, heads: Collection[Any], run_args: Mapping[str, Any]
) -> None:
    """Install the views when the newest revision is reached, which is the schema that their files describe."""
    if ctx.connection is not None and set(heads) == set(
        ScriptDirectory.from_config(context.config).get_heads()
    ):
        install_views(ctx.connection)


def run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        compare_server_default=True,
        on_version_apply=install_views_at_head,
    )
    with context.begin_transaction():
        context.run_migrations()


def main() -> None:
    if context.is_offline_mode():
        raise InputError("alembic --sql: not supported; migrate a copy of the database instead")
    connection = context.config.attributes.get("connection")
    if connection is not None:
        run(connection)
        return
    database_url = os.environ.get("SPECREASON_DATABASE_URL")
    if not database_url:
        raise InputError("SPECREASON_DATABASE_URL: is not set")
    with transaction(connect(database_url, pool_size=1)) as connection:
        run(connection)


main()
