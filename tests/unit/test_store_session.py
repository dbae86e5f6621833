"""What a wrong database URL says, and what becomes of text that Postgres cannot hold."""

from __future__ import annotations

import pytest

from specreason.errors import InputError, SpecReasonError, StoreUnavailable
from specreason.store.session import connect, storable


@pytest.mark.parametrize(
    ("url", "error", "says"),
    [
        ("not a url", InputError, "is not a URL such as postgresql://"),
        ("postgresql://u:hunter2@host:port/x", InputError, "is not a URL"),
        ("mysql://u:hunter2@host/x", InputError, "names 'mysql', but the store is Postgres"),
        ("postgresql://u:hunter2@/x?host=/nowhere", StoreUnavailable, "does not answer"),
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


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("plain ≠ 🧮", "plain ≠ 🧮"),
        ("a\0b\0", "a\ufffdb\ufffd"),
        ("\ud83e alone", "\ufffd alone"),
        ("\ud83e\uddee paired", "🧮 paired"),
        ("", ""),
    ],
)
def test_text_is_kept_but_for_what_postgres_cannot_hold(text: str, stored: str) -> None:
    assert storable(text) == stored
