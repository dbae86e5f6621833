"""A Redis that refuses, or a network that fails: the pair stays loaded, running jobs go on, and none counts as lost."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import pytest
from redis import Redis

from specreason.broker import check_broker
from specreason.doorbell import Doorbell
from specreason.embedded import Servers
from specreason.errors import BrokerUnavailable
from specreason.store.session import Database
from tests.support.servers.broker import OwnBroker, own_broker
from tests.support.servers.proxy import Proxy
from tests.support.workers.harness import WorkerHarness, until, worker_harness

SETTINGS = {"slots": 5, "lease_s": 6, "beat_s": 0.5, "republish_s": 1, "retry_s": 0.2}


@dataclass(frozen=True, slots=True)
class Fault:
    """What is done to a Redis and undone, and the word with which it refuses meanwhile."""

    begin: Callable[[OwnBroker], object]
    end: Callable[[OwnBroker], object]
    code: str


def set_to(name: str, value: str) -> Callable[[OwnBroker], object]:
    return lambda broker: broker.admin.config_set(name, value)


def lose_the_disk(broker: OwnBroker) -> None:
    """Let its next save fail: its file is a folder."""
    (broker.folder / "dump.rdb").mkdir()
    broker.admin.config_set("save", "900 1")
    broker.admin.bgsave()
    until(lambda: broker.admin.info("persistence")["rdb_last_bgsave_status"] == "err")


def find_the_disk(broker: OwnBroker) -> None:
    (broker.folder / "dump.rdb").rmdir()
    broker.admin.config_set("save", "")


def change_the_password(broker: OwnBroker) -> None:
    broker.admin.config_set("requirepass", "another")
    cut_all(Redis(port=broker.port, password="another"))


def restore_the_password(broker: OwnBroker) -> None:
    with Redis(port=broker.port, password="another") as admin:
        admin.config_set("requirepass", broker.password)


def cut_all(admin: Redis) -> None:
    admin.client_kill_filter(_type="normal", skipme=True)
    admin.close()


def shut_the_door(broker: OwnBroker) -> None:
    broker.admin.config_set("maxclients", "1")
    broker.admin.client_kill_filter(_type="normal", skipme=True)


FAULTS = {
    "a replica": Fault(
        lambda broker: broker.admin.replicaof("127.0.0.1", "1"),
        lambda broker: broker.admin.replicaof("NO", "ONE"),
        "READONLY",
    ),
    "full": Fault(set_to("maxmemory", "1"), set_to("maxmemory", "0"), "OOM"),
    "unable to save": Fault(lose_the_disk, find_the_disk, "MISCONF"),
    "with another password": Fault(change_the_password, restore_the_password, "WRONGPASS"),
    "of few rights": Fault(
        lambda broker: broker.admin.execute_command("ACL SETUSER default -brpop -lpush -sadd"),
        lambda broker: broker.admin.execute_command("ACL SETUSER default +@all"),
        "NOPERM",
    ),
    "crowded": Fault(shut_the_door, set_to("maxclients", "1000"), "max number of clients"),
}


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnBroker]:
    with own_broker(tmp_path_factory.mktemp("broker")) as broker:
        yield broker


@pytest.fixture(scope="module")
def proxy(broker: OwnBroker) -> Iterator[Proxy]:
    with Proxy(broker.port) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def harness(
    servers: Servers, administration: Database, broker: OwnBroker, proxy: Proxy
) -> Iterator[WorkerHarness]:
    faulty = replace(servers, broker_url=broker.url_at(proxy.port))
    with worker_harness(faulty, administration, SETTINGS) as harness:
        yield harness


class Watch:
    """A worker with a job that runs, from before a fault to after it."""

    def __init__(self, harness: WorkerHarness) -> None:
        self._harness = harness
        self._log = harness.folder / "workers.log"
        self._child = harness.worker().child_pid
        self._said = self._log.stat().st_size
        harness.hold("fault")
        (self.running,) = harness.submit("Wait for fault at 3.")
        until(lambda: harness.state(self.running) == "running")
        harness.wait_for_steps((self.running, 3))

    def said(self, words: str) -> bool:
        """Whether the worker has logged the words since the job began."""
        return words in self._log.read_bytes()[self._said :].decode()

    def ends_well(self) -> None:
        """Every job of now and of later ends, each at its first attempt and on the pair that was loaded before."""
        (later,) = self._harness.submit("Afterwards.")
        self._harness.let_go("fault")
        self._harness.wait_for_ends(self.running, later)
        assert self._harness.attempts(self.running) == ["succeeded from 0"]
        assert self._harness.attempts(later) == ["succeeded from 0"]
        assert self._harness.worker().child_pid == self._child


@pytest.fixture
def watch(harness: WorkerHarness) -> Iterator[Watch]:
    yield Watch(harness)
    harness.let_go_of_all()


@pytest.mark.parametrize("which", FAULTS)
def test_a_redis_that_refuses_is_as_if_it_were_away(
    which: str, watch: Watch, harness: WorkerHarness, broker: OwnBroker
) -> None:
    fault = FAULTS[which]
    fault.begin(broker)
    try:
        (meanwhile,) = harness.submit("Meanwhile.")
        until(lambda: watch.said(fault.code))
        with pytest.raises(BrokerUnavailable) as refused:
            check_broker(broker.url)
        assert fault.code in str(refused.value)
        doorbell = Doorbell(broker.url)
        with pytest.raises(BrokerUnavailable, match=fault.code):
            doorbell.announce(harness.pair, [meanwhile])
        doorbell.close()
    finally:
        fault.end(broker)
    watch.ends_well()
    harness.wait_for_ends(meanwhile)
    assert harness.attempts(meanwhile) == ["succeeded from 0"]


def test_a_worker_whose_connections_are_cut_again_and_again_takes_jobs_by_itself(
    watch: Watch, harness: WorkerHarness, proxy: Proxy
) -> None:
    for _ in range(4):
        proxy.cut()
        time.sleep(0.7)
    watch.ends_well()
    assert watch.said("the broker is away")


def test_a_worker_whose_connections_are_dropped_silently_takes_jobs_by_itself(
    watch: Watch, harness: WorkerHarness, proxy: Proxy
) -> None:
    proxy.go_silent()
    until(lambda: watch.said("no answer for"))
    proxy.speak()
    watch.ends_well()


def test_connections_that_are_dropped_silently_while_every_slot_is_taken_do_no_harm(
    watch: Watch, harness: WorkerHarness, proxy: Proxy
) -> None:
    others = harness.submit(*["Wait for fault at 1."] * (SETTINGS["slots"] - 1))
    harness.wait_for_steps(*((each, 1) for each in others))
    proxy.go_silent()
    time.sleep(1.5)
    proxy.speak()
    watch.ends_well()
    harness.wait_for_ends(*others)
