"""A receiver can neither lead a message elsewhere, nor hold it up, nor show its answer to anyone."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from api.webhooks.addresses import public_address
from api.webhooks.hosts import AllowedHosts, Target
from api.webhooks.posting import Poster, _Pinned
from specreason.store.access.visibility import Viewer
from specreason.store.session import Database
from specreason.store.webhooks.subscriptions import Webhook, add_test, list_deliveries
from tests.integration.api.webhooks.conftest import Start
from tests.support.receiver import Receiver, receiving
from tests.support.store.sql import scalar
from tests.support.workers.processes import wait_for


def target_of(receiver: Receiver) -> Target:
    return AllowedHosts.parse(receiver.origin).target(receiver.url)


def here(host: str, port: int) -> str:
    return "127.0.0.1"


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "10.1.2.3", "169.254.169.254", "::ffff:127.0.0.1"])
def test_a_name_that_leads_to_a_private_address_is_not_connected_to(receiver: Receiver, address: str) -> None:
    poster = Poster(resolve=public_address(lambda host, port: [address]), tls=receiver.tls)
    assert poster.post(target_of(receiver), "{}", {}) == "its host has an address that is not public"
    assert receiver.got == []


def test_a_name_is_looked_up_once_and_the_connection_goes_to_that_address(receiver: Receiver) -> None:
    """A second look-up could give a private address."""
    asked: list[str] = []

    def resolve(host: str, port: int) -> str:
        asked.append(host)
        return here(host, port)

    assert Poster(resolve=resolve, tls=receiver.tls).post(target_of(receiver), "{}", {}) is None
    assert asked == ["hooks.test"]
    assert len(receiver.got) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(receiver: Receiver, status: int) -> None:
    receiver.answer = lambda number: (status, {"Location": f"https://127.0.0.1:{receiver.port}/private"})
    failure = Poster(resolve=here, tls=receiver.tls).post(target_of(receiver), "{}", {})
    assert failure == f"it answers with status {status}; redirects are not followed"
    assert [got.path for got in receiver.got] == ["/hook?x=1"]


def test_a_certificate_for_another_host_is_refused(tmp_path: Path) -> None:
    with receiving(tmp_path, host="other.test") as receiver:
        failure = Poster(resolve=here, tls=receiver.tls).post(target_of(receiver), "{}", {})
        assert failure == "its certificate is not valid for its host"
        assert receiver.got == []


def test_a_certificate_that_nobody_vouches_for_is_refused(receiver: Receiver) -> None:
    failure = Poster(resolve=here).post(target_of(receiver), "{}", {})
    assert failure == "its certificate is not valid for its host"


def test_a_port_where_nobody_listens_is_said_to_refuse() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    target = AllowedHosts.parse(f"http://hooks.test:{port}").target(f"http://hooks.test:{port}/")
    assert Poster(resolve=here).post(target, "{}", {}) == "it refuses the connection"


@pytest.fixture
def dripping() -> Iterator[int]:
    """The port of a receiver that sends a header line without end, a byte every 20 ms, in clear text."""
    ended = threading.Event()
    server = socket.create_server(("127.0.0.1", 0))

    def drip() -> None:
        connection, _ = server.accept()
        with connection:
            connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
            while not ended.wait(0.02):
                try:
                    connection.sendall(b"x")
                except OSError:
                    return

    thread = threading.Thread(target=drip, daemon=True)
    thread.start()
    yield server.getsockname()[1]
    ended.set()
    server.close()
    thread.join()


def test_a_body_without_end_is_left_in_time_though_the_receiver_closes_the_connection_behind_it() -> None:
    """An answer with `Connection: close` takes the socket away from what asked for it. Ten seconds of bytes follow."""
    hung_up: list[bool] = []
    server = socket.create_server(("127.0.0.1", 0))

    def drip() -> None:
        connection, _ = server.accept()
        with connection, suppress(OSError):
            connection.recv(4096)
            connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
            for _ in range(500):
                time.sleep(0.02)
                connection.sendall(b"x")
            hung_up.append(False)
            return
        hung_up.append(True)

    thread = threading.Thread(target=drip, daemon=True)
    thread.start()
    origin = f"http://hooks.test:{server.getsockname()[1]}"
    target = AllowedHosts.parse(origin).target(origin)
    assert Poster(resolve=here, timeout_s=0.3).post(target, "{}", {}) is None
    thread.join()
    server.close()
    assert hung_up == [True]


def test_the_time_may_be_over_before_there_is_a_connection(silent: int) -> None:
    target = AllowedHosts.parse(f"http://hooks.test:{silent}").target(f"http://hooks.test:{silent}/")
    connection = _Pinned(target, "127.0.0.1", None, 5.0)
    connection.abort()
    with pytest.raises(TimeoutError):
        connection.connect()
    connection.close()


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of a receiver that accepts connections and says nothing, not even in TLS."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_receiver_that_drips_or_says_nothing_is_left_in_time(dripping: int, silent: int) -> None:
    for port, scheme in ((dripping, "http"), (silent, "http"), (silent, "https")):
        origin = f"{scheme}://hooks.test:{port}"
        target = AllowedHosts.parse(origin).target(f"{origin}/")
        failure = Poster(resolve=here, timeout_s=0.3).post(target, "{}", {})
        assert failure == "it does not answer within 0.3 s"


def test_an_answer_that_is_not_http_is_a_failure_in_our_words() -> None:
    server = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        connection, _ = server.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(b"secret words\r\n\r\n")

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    origin = f"http://hooks.test:{server.getsockname()[1]}"
    failure = Poster(resolve=here).post(AllowedHosts.parse(origin).target(origin), "{}", {})
    assert failure == "its answer is not HTTP"
    thread.join()
    server.close()


def test_a_slow_receiver_delays_no_message_to_another(
    database: Database, receiver: Receiver, add: Callable[..., Webhook], start: Start
) -> None:
    """Ten messages wait for the slow one, which holds each of its requests until the fast one has its message."""
    is_fast_served = threading.Event()
    slow, fast = add(url=f"https://{receiver.origin}/slow"), add(url=f"https://{receiver.origin}/fast")

    def answer(number: int) -> tuple[int, dict[str, str]]:
        if receiver.got[number].path == "/slow":
            is_fast_served.wait(30)
        else:
            is_fast_served.set()
        return 200, {}

    receiver.answer = answer
    for _ in range(10):
        add_test(database, Viewer.EVERYONE, slow.webhook_id, "{}")
    poster = Poster(resolve=here, tls=receiver.tls, timeout_s=40)
    start(poster=poster)
    wait_for(lambda: any(got.path == "/slow" for got in receiver.got))
    add_test(database, Viewer.EVERYONE, fast.webhook_id, "{}")
    assert is_fast_served.wait(20)
    waiting = "SELECT count(*) FROM webhook_delivery WHERE delivered_at IS NULL"
    wait_for(lambda: scalar(database, waiting) == 0)


def test_nothing_of_an_answer_is_kept(
    database: Database, receiver: Receiver, add: Callable[..., Webhook], start: Start
) -> None:
    receiver.answer = lambda number: (418, {"X-Secret": "secret words"})
    webhook = add()
    add_test(database, Viewer.EVERYONE, webhook.webhook_id, "{}")
    start()

    def failure() -> str | None:
        return list_deliveries(database, Viewer.EVERYONE, webhook.webhook_id)[0].failure

    wait_for(lambda: failure() is not None)
    assert failure() == "it answers with status 418"
    assert scalar(database, "SELECT count(*) FROM webhook_delivery AS d WHERE d::text LIKE '%secret%'") == 0
