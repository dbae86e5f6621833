"""Addresses of servers: which are refused by name, and how several libraries read those that are not."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from kombu.utils.url import url_to_parts
from pydantic import SecretStr
from redis.connection import parse_url
from sqlalchemy import make_url

from specreason.addresses import BrokerAddress, check_address, hide_password
from specreason.errors import InvalidField
from specreason.settings import Settings

# Every character that a password may hold, with the way to write it.
MARKS = {
    "#": "%23",
    "/": "%2F",
    "[": "%5B",
    "]": "%5D",
    "@": "%40",
    "?": "%3F",
    ";": "%3B",
    "\\": "%5C",
    "%": "%25",
    " ": "%20",
    "\t": "%09",
    "\n": "%0A",
    "\x1b": "%1B",
    "＠": "%EF%BC%A0",
    "／": "%EF%BC%8F",
}
PLAIN = "hunter2-._~!$&'()*+,=:é日`{|}^\"<>"
EVERYTHING = "".join(MARKS) + PLAIN


@pytest.mark.parametrize(("mark", "encoded"), MARKS.items())
@pytest.mark.parametrize("where", ["hun{}ter2", "{}ter2", "hun{}", "12{}x34"])
@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("SPECREASON_DATABASE_URL", "postgresql://ada:{}@db.example:5432/specreason"),
        ("SPECREASON_BROKER_URL", "redis://:{}@cache.example:6379/0"),
        ("SPECREASON_BROKER_URL", "rediss://ada:{}@cache.example"),
        ("SPECREASON_BROKER_URL", "redis+socket://:{}@/run/redis.sock"),
    ],
)
def test_a_mark_in_a_password_is_refused_with_the_setting_and_the_way_to_write_it(
    mark: str, encoded: str, where: str, name: str, form: str
) -> None:
    url = form.format(where.format(mark))
    settings = Settings(database_url=SecretStr(url), broker_url=SecretStr(url))
    with pytest.raises(InvalidField) as refused:
        settings.database() if "DATABASE" in name else settings.broker()
    assert refused.value.field == name
    assert encoded in refused.value.reason
    assert "ter2" not in str(refused.value)
    assert "34" not in str(refused.value)


@pytest.mark.parametrize(
    "form",
    [
        "redis://:{}@cache.example:6379/4",
        "redis://ada:{}@cache.example",
        "redis://:{}@[2001:db8::1]:7000/4",
        "rediss://:{}@cache.example:6379/4?ssl_cert_reqs=none",
        "rediss://:{}@cache.example:6379/4?ssl_ca_certs=/etc/our ca.pem",
    ],
)
@pytest.mark.parametrize("password", [EVERYTHING, "%41", "100%", PLAIN])
def test_an_encoded_password_is_the_same_to_kombu_and_redis(form: str, password: str) -> None:
    address = BrokerAddress.parse("broker", form.format(quote(password, safe="")))
    celery, redis = url_to_parts(address.for_celery), parse_url(address.for_redis)
    assert address.password == celery.password == redis["password"] == password
    assert address.user == celery.username == redis.get("username")
    assert address.host == celery.hostname == redis["host"]
    assert address.port == celery.port == redis["port"]
    assert address.db == int(celery.path) == redis["db"]
    if address.tls is not None:
        assert celery.query["ssl_cert_reqs"] == redis["ssl_cert_reqs"] == address.tls["ssl_cert_reqs"]
        assert celery.query.get("ssl_ca_certs") == redis.get("ssl_ca_certs")


@pytest.mark.parametrize("name", ["virtual_host", "db"])
def test_a_socket_is_the_same_to_kombu_and_redis(name: str) -> None:
    written = f"redis+socket://:{quote(EVERYTHING, safe='')}@/run/my%20redis%23/s?{name}=3"
    address = BrokerAddress.parse("broker", written)
    scheme, _, inner = address.for_celery.partition("+")
    celery, redis = url_to_parts(inner), parse_url(address.for_redis)
    assert scheme == "redis"
    assert address.socket == f"/{celery.path}" == redis["path"] == "/run/my redis#/s"
    assert address.password == celery.password == redis["password"] == EVERYTHING
    assert 3 == int(celery.query["virtual_host"]) == redis["db"]


def test_an_encoded_password_is_the_same_to_sqlalchemy() -> None:
    url = f"postgresql://ada:{quote(EVERYTHING, safe='')}@db.example/specreason?application_name=my app"
    check_address("database", url)
    assert make_url(url).password == EVERYTHING
    assert make_url(url).host == "db.example"


@pytest.mark.parametrize(
    "url",
    [
        "redis://:p@ss@evil.example",  # the host of one reader, a part of the password to another
        "redis://evil.example#@cache.example",
        "redis://evil.example/@cache.example",
        "redis://evil.example?@cache.example",
        "redis://evil.example\\@cache.example",
        "redis://:pw;redis://evil.example@cache.example",
        "redis://cache.example;redis://evil.example",
        "redis://cache.example:6379/0?client_name=@evil.example",
        "redis://cache.example, redis://evil.example",
        "redis://12345:6379:80",
        "redis://:6379",  # a password, and the host forgotten
        "redis://cache.example:port/0",
        "redis://cache.example:0/0",
        "redis://cache.example:65536/0",
        "redis://[2001:db8::1/0",
        "redis://cache.example/zero",
        "redis://cache.example/-1",
        "redis://cache.example/0#1",
        "redis://cache.example/0?colour=red",
        "redis://cache.example/0?ssl_cert_reqs=none",
        "rediss://cache.example/0?ssl_cert_reqs=maybe",
        "redis+socket://run/redis.sock",
        "redis+socket://",
        "redis://cache.example/0\n",
        " redis://cache.example/0",
        "sentinel://cache.example",
        "cache.example:6379",
        "",
    ],
)
def test_a_broker_that_could_be_another_is_refused_in_one_line(url: str) -> None:
    with pytest.raises(InvalidField) as refused:
        BrokerAddress.parse("SPECREASON_BROKER_URL", url)
    assert refused.value.field == "SPECREASON_BROKER_URL"
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ada:p@ss@evil.example/d",
        "postgresql://db.example:5432/d?application_name=a@evil.example",
        "postgresql://evil.example#@db.example/d",
        "postgresql://db.example/d#@evil.example",
        "postgresql://db.example/d\n",
    ],
)
def test_a_database_that_could_be_another_is_refused(url: str) -> None:
    with pytest.raises(InvalidField):
        check_address("SPECREASON_DATABASE_URL", url)


def test_the_certificate_of_an_encrypted_broker_is_checked_unless_the_url_says_otherwise() -> None:
    checked, unchecked = (
        BrokerAddress.parse("broker", f"rediss://cache.example{rest}").tls
        for rest in ("", "?ssl_cert_reqs=CERT_NONE")
    )
    assert checked == {"ssl_cert_reqs": "required", "ssl_check_hostname": "true"}
    assert unchecked == {"ssl_cert_reqs": "none", "ssl_check_hostname": "false"}


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ada:hunter2@db.example/d",
        "postgresql://ada:hun@ter2@db.example/d",
        "postgresql://ada@db.example/d?password=hunter2&application_name=x",
        "postgresql://ada@db.example/d?sslmode=require&sslpassword=hunter2",
        "redis://:hunter2@cache.example",
        "redis+socket://:hunter2@/run/s?virtual_host=1",
    ],
)
def test_a_hidden_password_leaves_the_rest_of_the_url(url: str) -> None:
    hidden = hide_password(url)
    assert "ter2" not in hidden
    assert hidden.startswith(url.partition("://")[0])
    assert hidden.partition("@")[2].partition("?")[0] in url
    assert hide_password("postgresql://ada@/d?host=/run") == "postgresql://ada@/d?host=/run"


def test_an_address_does_not_show_its_password() -> None:
    assert "hunter2" not in repr(BrokerAddress.parse("broker", "redis://:hunter2@cache.example"))
