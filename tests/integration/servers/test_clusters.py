"""A broker that is a Redis cluster: refused in one line at every start, and by the doctor."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from specreason.broker import check_broker, refuse_cluster
from specreason.embedded import Servers
from specreason.errors import BrokerUnavailable, InputError
from tests.support.messages import names
from tests.support.servers.broker import OwnBroker, own_broker
from tests.support.shell import Shell


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnBroker]:
    with own_broker(tmp_path_factory.mktemp("cluster"), "--cluster-enabled", "yes") as node:
        node.admin.execute_command("CLUSTER ADDSLOTSRANGE 0 16383")
        yield node


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell("", capsys)


@pytest.mark.parametrize("command", [["api"], ["worker"]])
def test_each_start_refuses_it_in_one_line_with_2(
    command: list[str], cluster: OwnBroker, database_url: str, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPECREASON_DATABASE_URL", database_url)
    monkeypatch.setenv("SPECREASON_BROKER_URL", cluster.url)
    monkeypatch.setenv("SPECREASON_API_PORT", "0")
    ended = shell(*command)
    assert (ended.status, ended.err.count("\n")) == (2, 1)
    assert names(ended.err, "cluster", "SPECREASON_BROKER_URL")


def test_the_doctor_refuses_it_with_a_remedy(
    cluster: OwnBroker, shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPECREASON_BROKER_URL", cluster.url)
    checks = shell("doctor", "--json", "--data-dir", tmp_path).json["checks"]
    (found,) = [each for each in checks if each["name"] == "broker"]
    assert found["status"] == "fail"
    assert names(found["found"], "cluster")
    assert names(found["remedy"], "SPECREASON_BROKER_URL")


def test_it_is_found_out_without_the_right_to_ask_it(cluster: OwnBroker) -> None:
    cluster.admin.execute_command("ACL SETUSER few on >pw ~* +@all -info -cluster")
    url = cluster.url.replace(":secret@", "few:pw@")
    with pytest.raises(InputError, match="cluster"):
        refuse_cluster(url)
    cluster.admin.execute_command("CLUSTER FLUSHSLOTS")  # it is down now
    with pytest.raises(InputError, match="cluster"):
        refuse_cluster(url)


def test_one_server_is_no_cluster_and_one_that_is_away_may_come(servers: Servers) -> None:
    refuse_cluster(servers.broker_url)
    check_broker(servers.broker_url)
    refuse_cluster("redis://127.0.0.1:1/0")
    with pytest.raises(BrokerUnavailable):
        check_broker("redis://127.0.0.1:1/0")
