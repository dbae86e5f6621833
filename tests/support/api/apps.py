"""Builds the API over a test's database."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi import FastAPI

from api.app import create_app
from api.door.authenticator import Authenticator
from specreason.doorbell import Doorbell
from specreason.embedded import Servers
from specreason.pairs import PairConfig, load_pairs
from specreason.settings import Settings
from specreason.store.session import Database

SCRIPTED_PAIRS = """
[scripted]
judge_suffix = "?"
base = { model = "/none", max_model_len = 4096, kv_cache_memory_bytes = 1048576 }
drafter = { model = "/none", max_model_len = 4096, kv_cache_memory_bytes = 1048576 }
"""
NO_BROKER = "redis+socket:///nowhere/at/all.sock"


def make_api(
    servers: Servers,
    database: Database,
    *,
    pairs: dict[str, PairConfig] | None = None,
    with_keys: bool = False,
    **fields: Any,
) -> FastAPI:
    """The API with the package's pairs and without keys; `fields` are those of its Settings.

    It uses the broker of `servers` unless `broker_url` names another.
    """
    settings = Settings(**{"broker_url": servers.broker_url} | fields)
    return create_app(
        database,
        Doorbell(settings.broker()),
        load_pairs() if pairs is None else pairs,
        settings,
        authenticator=Authenticator(database, settings.broker(), settings) if with_keys else None,
    )


def write_pairs(folder: Path) -> Path:
    path = folder / "pairs.toml"
    path.write_text(SCRIPTED_PAIRS)
    return path


def scripted_app(servers: Servers, database: Database, folder: Path, **limits: Any) -> FastAPI:
    """Its files lie under `folder`."""
    pairs = load_pairs(write_pairs(folder))
    return make_api(servers, database, pairs=pairs, files_dir=folder / "files", **limits)
