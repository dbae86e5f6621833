"""The errors of a wrong database URL, and of a database that goes away."""

from __future__ import annotations

import time

import pytest
from sqlalchemy import text

from specreason.errors import InputError, SpecReasonError, StoreUnavailable
from specreason.store.session import Database, connect, transaction


@pytest.mark.parametrize(
    ("url", "error", "says"),
    [
        ("not a url", InputError, "postgresql://"),
        ("postgresql://u:hunter2@host:port/x", InputError, "URL"),
        ("mysql://u:hunter2@host/x", InputError, "'mysql'"),
        ("postgresql://u:hunter2@/x?host=/nowhere", StoreUnavailable, "/nowhere"),
        ("postgresql://u:hunter2@127.0.0.1:1/x", StoreUnavailable, "Connection refused"),
        ("postgresql://u@127.0.0.1:1/x?password=hunter2", StoreUnavailable, "Connection refused"),
        ("postgresql://u:hunter2@127.0.0.1:1/x?colour=red", InputError, "colour"),
    ],
)
def test_a_wrong_url_is_one_clear_line_without_the_password(
    url: str, error: type[SpecReasonError], says: str
) -> None:
    with pytest.raises(error) as refused:
        connect(url)
    message = str(refused.value)
    assert says in message
    assert "hunter2" not in message
    assert "\n" not in message


def frozen_before_it_reads(database: Database) -> None:
    """A transaction that Postgres ends while it is idle, before a cursor of the driver's own reads in it."""
    with transaction(database) as connection:
        connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = '20ms'"))
        time.sleep(0.2)
        connection.connection.cursor().execute("SELECT 1")


def test_an_outage_that_a_cursor_of_the_driver_meets_is_one_of_the_store(database: Database) -> None:
    with pytest.raises(StoreUnavailable):
        frozen_before_it_reads(database)
