"""API keys as a table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich.markup import escape

from specreason.cli.show.output import plain_table, print_table

if TYPE_CHECKING:
    from specreason.store.access.keys import ApiKey


def print_keys(keys: Iterable[ApiKey]) -> None:
    """Print one row per key."""
    table = plain_table("key", "name", "owner", "scopes", "last used", "revoked")
    for key in keys:
        table.add_row(
            str(key.key_id),
            escape(key.name),
            escape(key.owner),
            ", ".join(sorted(key.scopes)),
            str(key.last_used_at or "never"),
            str(key.revoked_at or ""),
        )
    print_table(table)
