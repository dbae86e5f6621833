"""While keys are off: programs of this machine and our own page are answered, a page of another site is not."""

from __future__ import annotations

import pytest

from api.door.origin import check_origin
from specreason.errors import NotAllowed

TCP, UNIX = ("127.0.0.1", 8765), ("/run/api.sock", None)


def ask(server: tuple[str, int | None] = TCP, **headers: str) -> None:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    check_origin({"type": "http", "server": server, "headers": raw})


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "localhost"},
        {"host": "LOCALHOST:8765"},
        {"host": "127.0.0.1:9000"},  # the near end of a tunnel
        {"host": "127.1.2.3:8765"},
        {"host": "[::1]:8765"},
        {"host": "127.0.0.1:8765", "sec-fetch-site": "none"},
        {"host": "127.0.0.1:8765", "sec-fetch-site": "same-origin", "origin": "http://127.0.0.1:8765"},
        {"host": "[::1]:8765", "origin": "http://[::1]:8765"},
    ],
)
def test_programs_of_this_machine_and_our_own_page_are_answered(headers: dict[str, str]) -> None:
    ask(**headers)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"host": ""},
        {"host": "evil.example:8765"},  # a name that was made to point here
        {"host": "localhost.evil.example"},
        {"host": "127.0.0.1.evil.example"},
        {"host": "localhost@evil.example"},
        {"host": "192.168.0.1:8765"},
        {"host": "[::1"},
        {"host": "localhost:8765", "origin": "https://evil.example"},
        {"host": "localhost:8765", "origin": "http://localhost:3000"},
        {"host": "localhost:8765", "origin": "null"},
        {"host": "localhost:8765", "sec-fetch-site": "cross-site"},
    ],
)
def test_a_page_of_another_site_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(NotAllowed):
        ask(**headers)


def test_through_a_unix_socket_any_name_is_ours() -> None:
    ask(UNIX, host="api")
