"""Fetching a model from a hub: a small server that speaks the hub's protocol, and the real client."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from huggingface_hub import constants

from specreason.engines.models import fetching
from specreason.engines.models.fetching import PAUSES_S, fetch, fetch_missing
from specreason.engines.models.hub import (
    INDEX,
    cached_folder,
    local_folder,
    model_file,
    models_to_fetch,
    weight_files,
    why_out_of_reach,
)
from specreason.errors import InputError, Unreachable
from specreason.pairs import ModelConfig, PairConfig
from tests.support.messages import names, naming

COMMIT = "0123456789abcdef0123456789abcdef01234567"
FILES = {
    "config.json": b"{}",
    "tokenizer.json": b"{}",
    "model.safetensors.index.json": json.dumps(
        {"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}
    ).encode(),
    "model-1.safetensors": b"a" * 1000,
    "model-2.safetensors": b"b" * 1000,
    "README.md": b"for people",
}
MODEL = ModelConfig(
    model="nobody/model", revision=COMMIT, weights_gib=0.1, max_model_len=512, kv_cache_memory_bytes=1 << 20
)

# Tries that fail before the hub answers, where a test has it away.
AWAY = 2


class Hub(BaseHTTPRequestHandler):
    """Gives one model, and lists its files."""

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def log_message(self, format: str, *args: object) -> None:
        pass

    def _answer(self, *, with_body: bool) -> None:
        path = self.path.partition("?")[0]
        name = path.rpartition("/")[2]
        if path.startswith(f"/api/models/nobody/model/tree/{COMMIT}"):
            listed = [
                {"type": "file", "path": each, "size": len(body), "oid": hashlib.sha1(body).hexdigest()}
                for each, body in FILES.items()
            ]
            self._send(200, json.dumps(listed).encode(), with_body=with_body, kind="application/json")
        elif path == f"/nobody/model/resolve/{COMMIT}/{name}" and name in FILES:
            self._send(200, FILES[name], with_body=with_body, kind="application/octet-stream")
        else:
            self.send_response(404)
            self.send_header("X-Error-Code", "RepoNotFound")
            self.send_header("Content-Length", "0")
            self.end_headers()

    def _send(self, status: int, body: bytes, *, with_body: bool, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", f'"{hashlib.sha1(body).hexdigest()}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()
        if with_body:
            self.wfile.write(body)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of the server. This process and its children use it, with an empty cache."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    cache = tmp_path / "cache"
    for name, value in (("HF_ENDPOINT", url), ("HF_HUB_CACHE", str(cache)), ("HF_HUB_DISABLE_XET", "1")):
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(constants, "ENDPOINT", url)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(
        constants, "HUGGINGFACE_CO_URL_TEMPLATE", url + "/{repo_id}/resolve/{revision}/{filename}"
    )
    yield url
    server.shutdown()
    server.server_close()


def test_a_model_is_fetched_once_without_what_is_only_for_people(hub: str) -> None:
    pair = PairConfig(base=MODEL, drafter=MODEL)
    said: list[str] = []
    assert models_to_fetch(pair) == [MODEL, MODEL]
    assert why_out_of_reach(MODEL, timeout_s=30) is None
    fetch(MODEL, said.append)
    folder = cached_folder(MODEL)
    assert folder is not None
    assert {path.name for path in folder.iterdir()} == set(FILES) - {"README.md"}
    assert names(said[0], "nobody/model", "0.1 GiB")
    assert models_to_fetch(pair) == []


def test_a_model_that_lacks_a_file_of_weights_is_not_here(hub: str) -> None:
    fetch(MODEL, lambda line: None)
    folder = cached_folder(MODEL)
    assert folder is not None
    (folder / "model-2.safetensors").unlink()
    assert cached_folder(MODEL) is None
    fetch(MODEL, lambda line: None)
    assert cached_folder(MODEL) == folder


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json"])
def test_a_model_that_lacks_a_file_that_every_model_needs_is_fetched_again(hub: str, name: str) -> None:
    fetch(MODEL, lambda line: None)
    folder = cached_folder(MODEL)
    assert folder is not None
    (folder / name).unlink()
    assert models_to_fetch(PairConfig(base=MODEL, drafter=MODEL)) == [MODEL, MODEL]
    fetch(MODEL, lambda line: None)
    assert cached_folder(MODEL) == folder


@pytest.mark.parametrize("text", ['{"weight_map": {"a": "mod', "[]", "{}", '{"weight_map": []}', "\xff"])
def test_an_index_of_weights_that_is_cut_off_is_no_model_and_the_file_is_named(hub: str, text: str) -> None:
    fetch(MODEL, lambda line: None)
    folder = cached_folder(MODEL)
    assert folder is not None
    (folder / INDEX).write_bytes(text.encode("latin-1"))
    assert cached_folder(MODEL) is None
    with pytest.raises(InputError, match=naming(INDEX)):
        weight_files(folder)


@pytest.mark.parametrize("name", ["models/qwq/base", "../base", "a folder", "/nowhere"])
def test_a_folder_that_is_not_there_has_no_files_and_is_no_error(hub: str, name: str) -> None:
    assert model_file(MODEL.model_copy(update={"model": name}), "config.json") is None


def test_a_folder_that_is_called_like_a_model_of_the_hub_does_not_take_its_place(
    hub: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "here" / MODEL.model
    other.mkdir(parents=True)
    (other / "config.json").write_text("{}")
    monkeypatch.chdir(tmp_path / "here")
    assert model_file(MODEL, "config.json") is None
    assert models_to_fetch(PairConfig(base=MODEL, drafter=MODEL)) == [MODEL, MODEL]
    with pytest.raises(InputError, match="specreason worker"):
        local_folder(MODEL)


def test_a_model_that_the_hub_does_not_know_is_refused_with_its_reason_and_not_asked_for_again(
    hub: str,
) -> None:
    unknown = MODEL.model_copy(update={"model": "nobody/nothing"})
    reason = why_out_of_reach(unknown, timeout_s=30)
    assert reason is not None
    assert "HF_TOKEN" in reason
    said: list[str] = []
    with pytest.raises(InputError, match=r"nobody/nothing.*HF_TOKEN"):
        fetch(unknown, said.append)
    assert len(said) == 1


@pytest.fixture
def tries(monkeypatch: pytest.MonkeyPatch) -> list[ModelConfig]:
    """The models of the tries so far. The first AWAY fail, and there is no pause between them."""
    made: list[ModelConfig] = []
    really_try = fetching._try_to_fetch

    def try_to_fetch(model: ModelConfig, announce: Callable[[str], None]) -> tuple[int, str]:
        made.append(model)
        return (1, "the hub is away") if len(made) <= AWAY else really_try(model, announce)

    monkeypatch.setattr(fetching, "_try_to_fetch", try_to_fetch)
    monkeypatch.setattr(fetching, "PAUSES_S", (0.0,) * len(PAUSES_S))
    return made


def test_a_hub_that_is_away_for_a_while_is_asked_again(hub: str, tries: list[ModelConfig]) -> None:
    said: list[str] = []
    fetch_missing(PairConfig(base=MODEL, drafter=MODEL), said.append)
    assert (len(tries), cached_folder(MODEL) is not None) == (AWAY + 1, True)
    assert names(said[1], "nobody/model", "the hub is away")


def test_a_hub_that_stays_away_cannot_be_reached_and_the_pair_is_not_to_blame(
    hub: str, tries: list[ModelConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "_try_to_fetch", lambda model, announce: (1, "the hub is away"))
    with pytest.raises(Unreachable, match=r"nobody/model.*the hub is away"):
        fetch(MODEL, lambda line: None)


def test_the_folder_of_a_model_is_known_once_it_is_here_and_asks_nobody(
    hub: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=naming("nobody/model", "specreason worker")):
        local_folder(MODEL)
    fetch(MODEL, lambda line: None)
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:1")
    assert local_folder(MODEL).name == COMMIT
    assert local_folder(MODEL.model_copy(update={"model": str(tmp_path)})) == tmp_path
    with pytest.raises(InputError, match="/nowhere"):
        local_folder(MODEL.model_copy(update={"model": "/nowhere"}))
