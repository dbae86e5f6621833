"""The API on scripted pairs, behind a real socket, and the SDK that asks it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from openai import OpenAI

from specreason.embedded import Servers
from specreason.store.session import Database
from tests.support.api.apps import scripted_app
from tests.support.api.openai import sdk_of


@pytest.fixture
def app(servers: Servers, database: Database, tmp_path: Path) -> FastAPI:
    """A module whose tests need limits replaces it."""
    return scripted_app(servers, database, tmp_path)


@pytest.fixture
def openai(app: FastAPI) -> Iterator[OpenAI]:
    with sdk_of(app) as openai:
        yield openai
