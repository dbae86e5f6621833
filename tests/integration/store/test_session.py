"""The errors of a wrong database URL."""

from __future__ import annotations

import pytest

from specreason.errors import InputError, SpecReasonError, StoreUnavailable
from specreason.store.session import connect


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
