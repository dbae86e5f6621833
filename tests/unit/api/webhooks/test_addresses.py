"""Webhooks go to public addresses of allowed hosts and nowhere else."""

from __future__ import annotations

import pytest

from api.webhooks.addresses import is_public, public_address
from api.webhooks.hosts import AllowedHosts, Origin
from api.webhooks.keeping import WebhookRules
from specreason.errors import InputError, InvalidField
from specreason.settings import Settings
from tests.support.messages import naming

KEY = "k" * 32


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.9.9.9", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254"),
        *("100.64.0.1", "100.100.100.200", "192.0.0.192", "198.18.0.1", "168.63.129.16"),
        *("224.0.0.1", "240.0.0.1", "255.255.255.255"),
        *("::1", "::", "fe80::1", "fe80::1%eth0", "fd00:ec2::254", "fc00::1", "ff02::1", "fec0::1"),
        *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::", "2001::1", "nonsense"),
    ],
)
def test_an_address_that_is_not_on_the_internet_is_refused(address: str) -> None:
    assert not is_public(address)
    with pytest.raises(InputError, match="not public"):
        public_address(lambda host, port: [address])("hooks.example", 443)


@pytest.mark.parametrize("address", ["93.184.215.14", "1.1.1.1", "2606:4700::1111", "::ffff:1.1.1.1"])
def test_an_address_on_the_internet_is_taken(address: str) -> None:
    assert public_address(lambda host, port: [address])("hooks.example", 443) == address


def test_a_host_with_one_private_address_among_public_ones_is_refused() -> None:
    with pytest.raises(InputError, match="not public"):
        public_address(lambda host, port: ["1.1.1.1", "10.0.0.1"])("hooks.example", 443)


def test_a_host_without_an_address_is_refused() -> None:
    with pytest.raises(InputError, match="no address"):
        public_address(lambda host, port: [])("hooks.example", 443)


def test_a_name_of_the_setting_allows_https_on_its_port_and_http_only_where_it_says_so() -> None:
    hosts = AllowedHosts.parse("Hooks.example, other.example:8443 ,http://old.example,http://odd.example:81")
    assert hosts.origins == {
        Origin("https", "hooks.example", 443),
        Origin("https", "other.example", 8443),
        Origin("http", "old.example", 80),
        Origin("http", "odd.example", 81),
    }
    target = hosts.target("https://HOOKS.example/a/b?c=d")
    assert (target.origin.host, target.path) == ("hooks.example", "/a/b?c=d")
    assert hosts.target("https://hooks.example.:443").path == "/"
    assert hosts.target("http://odd.example:81/x").origin.port == 81


@pytest.mark.parametrize(
    "url",
    [
        *("http://hooks.example/", "https://hooks.example:444/", "https://other.example/"),
        *("https://hooks.example.evil.example/", "https://evil.example/hooks.example", "https://127.0.0.1/"),
        *(
            "https://user@hooks.example/",
            "https://hooks.example@evil.example/",
            "https://hooks.example/#part",
        ),
        *("ftp://hooks.example/", "//hooks.example/", "hooks.example", "", "https://hooks.example/ x"),
        *("https://hooks.example/\r\nX: y", "https://hooks.example:port/", "https://hooks.exämple/"),
        "https://hooks.example/" + "x" * 2000,
    ],
)
def test_any_other_address_is_refused_by_the_name_of_its_field(url: str) -> None:
    with pytest.raises(InvalidField, match=r"^url: "):
        AllowedHosts.parse("hooks.example").target(url)


@pytest.mark.parametrize("setting", ["https:/x", "ftp://x", "a b", "x:0", "x:99999", "x:port", "/x", "[::1]"])
def test_a_setting_that_names_no_host_is_refused(setting: str) -> None:
    with pytest.raises(InvalidField, match=naming("SPECREASON_WEBHOOK_HOSTS")):
        AllowedHosts.parse(setting)


def test_webhooks_are_off_without_hosts_and_need_a_key_with_them() -> None:
    assert WebhookRules.of(Settings(webhook_hosts=" , ", webhook_key=KEY)) is None
    for key in (None, "short"):
        with pytest.raises(InvalidField, match="SPECREASON_WEBHOOK_KEY"):
            WebhookRules.of(Settings(webhook_hosts="hooks.example", webhook_key=key))
    assert WebhookRules.of(Settings(webhook_hosts="hooks.example", webhook_key=KEY)) is not None
