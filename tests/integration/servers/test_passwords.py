"""Servers whose passwords hold every character: an encoded URL reaches them, and no other is tried."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from kombu import Connection
from limits.storage import RedisStorage
from psycopg import sql
from sqlalchemy import make_url

from specreason.addresses import BrokerAddress
from specreason.broker import check_broker
from specreason.doorbell import Doorbell
from specreason.embedded import Servers
from specreason.errors import InputError
from specreason.store.session import connect, ping
from tests.support.messages import names
from tests.support.servers.broker import OwnBroker, own_broker
from tests.support.shell import Shell

PASSWORD = "p#/[]%@:?; \\%41é"
MARKS = ["#", "/", "[", "%", "@", "?", ";", " "]
BARE = {name: value for name, value in os.environ.items() if not name.startswith("SPECREASON_")}


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnBroker]:
    folder = tmp_path_factory.mktemp("broker")
    with own_broker(folder, "--unixsocket", str(folder / "s o#1"), password=PASSWORD) as broker:
        yield broker


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell("", capsys)


@pytest.mark.parametrize("place", ["127.0.0.1:{port}/3", "localhost:{port}?db=3", "{socket}?virtual_host=3"])
def test_an_encoded_password_opens_the_broker_to_each_library(broker: OwnBroker, place: str) -> None:
    scheme = "redis+socket" if "socket" in place else "redis"
    where = place.format(port=broker.port, socket=quote(str(broker.folder / "s o#1")))
    url = f"{scheme}://:{quote(PASSWORD, safe='')}@{where}"
    address = BrokerAddress.parse("broker", url)
    check_broker(url)
    doorbell = Doorbell(url)
    assert doorbell.waiting("nobody") == []
    doorbell.close()
    with Connection(address.for_celery) as connection:
        assert connection.default_channel.client.connection_pool.connection_kwargs["db"] == 3
        connection.default_channel.client.set("mine", "1")
    storage = RedisStorage(address.for_redis)
    assert storage.storage.get("mine") == b"1"
    storage.storage.close()


def test_a_broker_that_does_not_take_the_password_says_so_without_it(broker: OwnBroker, shell: Shell) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPECREASON_BROKER_URL", f"redis://:hunter2@127.0.0.1:{broker.port}")
        found = {each["name"]: each for each in shell("doctor", "--json").json["checks"]}
    assert found["broker"]["status"] == "fail"
    assert names(found["broker"]["found"], "WRONGPASS")
    assert names(found["broker"]["remedy"], "SPECREASON_BROKER_URL", "password")
    assert "hunter2" not in str(found)


def test_an_encoded_password_opens_the_database(servers: Servers) -> None:
    of_server = make_url(servers.database_url)
    with psycopg.connect(servers.database_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE ROLE eve LOGIN PASSWORD {}").format(PASSWORD))
        try:
            query = "&".join(f"{name}={value}" for name, value in of_server.query.items())
            url = f"postgresql://eve:{quote(PASSWORD, safe='')}@/{of_server.database}?{query}"
            database = connect(url, pool_size=1)
            ping(database)
            database.dispose()
            with pytest.raises(InputError) as refused:
                connect(url.replace("eve:", "eve:x"))
            assert "authentication failed" in str(refused.value)
            assert quote(PASSWORD, safe="") not in str(refused.value)
        finally:
            connection.execute("DROP ROLE eve")


@pytest.mark.parametrize("mark", MARKS)
def test_a_raw_password_is_one_line_of_the_doctor_and_no_traceback(
    mark: str, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPECREASON_BROKER_URL", f"redis://:hun{mark}ter2@127.0.0.1:1/0")
    monkeypatch.setenv("SPECREASON_DATABASE_URL", f"postgresql://u:hun{mark}ter2@127.0.0.1:1/d")
    ended = shell("doctor", "--json")
    found = {each["name"]: each for each in ended.json["checks"]}
    for check, setting in (("database", "SPECREASON_DATABASE_URL"), ("broker", "SPECREASON_BROKER_URL")):
        assert found[check]["status"] == "fail"
        assert names(found[check]["found"], setting)
        assert quote(mark, safe="") in found[check]["found"]
    assert "ter2" not in ended.out + ended.err


@pytest.mark.parametrize("command", [["api"], ["worker"], ["db", "check"], ["up", "--data-dir", "{folder}"]])
def test_a_raw_password_ends_each_start_with_2_and_the_fix(command: list[str], tmp_path: Path) -> None:
    # Were the password read as an address, this is the server that would be reached.
    urls = {
        "SPECREASON_DATABASE_URL": "postgresql://u:12#hunter2@127.0.0.1:1/d",
        "SPECREASON_BROKER_URL": "redis://u:12#hunter2@127.0.0.1:1/0",
    }
    ended = subprocess.run(
        [sys.executable, "-m", "specreason.cli.main", *(each.format(folder=tmp_path) for each in command)],
        env=BARE | urls,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 2, ended.stderr
    assert "%23" in ended.stderr
    assert "hunter2" not in ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr
