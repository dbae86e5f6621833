"""API keys as a table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from specreason.cli.show.output import data_console, moment
from specreason.cli.show.tables import Column, print_table
from specreason.client import short_id

if TYPE_CHECKING:
    from specreason.store.access.keys import ApiKey

COLUMNS = (
    Column(heading="key"),
    Column(heading="name", least=12, keeps="ends"),
    Column(heading="owner", least=8, keeps="ends", drop=2),
    Column(heading="scopes", least=12, drop=3),
    Column(heading="last used", drop=1),
    Column(heading="revoked"),
)


def print_keys(keys: Iterable[ApiKey]) -> None:
    """Print one row per key."""
    print_table(
        data_console(),
        COLUMNS,
        (
            (
                short_id(key.key_id),
                key.name,
                key.owner,
                ", ".join(sorted(key.scopes)),
                "never" if key.last_used_at is None else moment(key.last_used_at),
                None if key.revoked_at is None else moment(key.revoked_at),
            )
            for key in keys
        ),
    )
