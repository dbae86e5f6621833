"""A small server that speaks the hub's protocol, and the real client with an empty cache."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest
from huggingface_hub import constants


class Hub(BaseHTTPRequestHandler):
    """Gives each file under any commit. `refused` is the status and code of an answer to everything else than a file.

    A file in `gated` is given only to who sends `token`.
    """

    files: ClassVar[dict[str, bytes]] = {}
    gated: ClassVar[set[str]] = set()
    token: ClassVar[str] = "hf_right"
    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def log_message(self, format: str, *args: object) -> None:
        pass

    def _answer(self, *, with_body: bool) -> None:
        # /datasets/OWNER/NAME/resolve/COMMIT/FILE
        _, _, owner, name, _, commit, file = self.path.partition("?")[0].split("/", 6)
        key = f"{owner}/{name}/{file}"
        self.asked.append(key)
        if key in self.gated and self.headers.get("Authorization") != f"Bearer {self.token}":
            self._refuse(401, "GatedRepo")
        elif key not in self.files:
            self._refuse(404, "RepoNotFound")
        else:
            content = self.files[key]
            self.send_response(200)
            self.send_header("Content-Type", "application/octet-stream")
            self.send_header("Content-Length", str(len(content)))
            self.send_header("ETag", f'"{hashlib.sha1(content).hexdigest()}"')
            self.send_header("X-Repo-Commit", commit)
            self.end_headers()
            if with_body:
                self.wfile.write(content)

    def _refuse(self, status: int, code: str) -> None:
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Hub]]:
    """The server, whose files a test may set."""
    monkeypatch.setattr(Hub, "files", {})
    monkeypatch.setattr(Hub, "gated", set())
    monkeypatch.setattr(Hub, "asked", [])
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    point_the_client_at(url, tmp_path, monkeypatch)
    yield Hub
    server.shutdown()
    server.server_close()


@pytest.fixture
def no_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An address where nothing listens."""
    point_the_client_at("http://127.0.0.1:9", tmp_path, monkeypatch)


def point_the_client_at(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the hub's client of this process ask `url`, with an empty cache and no token."""
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no-token"))
    monkeypatch.setattr(constants, "ENDPOINT", url)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    template = url + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
