"""Which certificates the client trusts, and which proxies it uses."""

from __future__ import annotations

import json
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from specreason.client import Client
from specreason.errors import InputError, InvalidField, Unreachable
from tests.support.api.scripted_server import ScriptedServer, answer, scripted_server

HEALTH = answer("200 OK", json.dumps({"status": "ok", "version": "1", "pairs": ["demo"]}))


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Of a certificate authority of one's own, for 127.0.0.1."""
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl")
    path = tmp_path / "own.pem"
    key = ("-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1")
    name = ("-subj", "/CN=own", "-addext", "subjectAltName=IP:127.0.0.1")
    subprocess.run(
        ["openssl", "req", *key, *name, "-keyout", tmp_path / "own.key", "-out", path],
        check=True,
        capture_output=True,
    )
    return path


@pytest.fixture
def server(certificate: Path) -> Iterator[ScriptedServer]:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, certificate.with_suffix(".key"))
    with scripted_server([HEALTH], tls=tls) as server:
        yield server


@pytest.fixture
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def test_a_certificate_that_was_not_named_is_not_trusted(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    with Client(server.url, patience_s=0) as client, pytest.raises(Unreachable, match="certificate"):
        client.health()


def test_a_certificate_named_in_the_environment_is_trusted(
    server: ScriptedServer, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with Client(server.url) as client:
        assert client.health().version == "1"


def test_a_certificate_handed_to_the_client_is_trusted(server: ScriptedServer, certificate: Path) -> None:
    with Client(server.url, verify=ssl.create_default_context(cafile=certificate)) as client:
        assert client.health().version == "1"


def test_a_file_of_certificates_that_is_none_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "missing.pem"))
    with pytest.raises(InvalidField, match=r"^SSL_CERT_FILE: "):
        Client("https://127.0.0.1:1")
    Client("http://127.0.0.1:1").close()  # no certificate is needed without TLS


def test_another_machine_is_reached_through_the_proxy_of_the_environment(
    no_proxies: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with scripted_server([HEALTH]) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        with Client("http://api.invalid") as client:
            assert client.health().version == "1"
    assert proxy.requests[0].startswith("GET http://api.invalid/api/health HTTP/1.1")


def test_this_machine_is_reached_without_a_proxy(no_proxies: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with scripted_server([HEALTH, HEALTH]) as server:
        for url in (server.url, server.url.replace("127.0.0.1", "localhost")):
            with Client(url) as client:
                assert client.health().version == "1"


@pytest.mark.parametrize("proxy", ["gopher://here", "http://here:port"])
def test_a_proxy_that_cannot_be_used_is_the_environments_fault(
    no_proxies: None, monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    monkeypatch.setenv("all_proxy", proxy)
    with pytest.raises(InputError, match="proxy"):
        Client("http://api.invalid")
