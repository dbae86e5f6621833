"""A directory of data, and a folder that every user may reach."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import kombu
import pytest

from specreason.embedded import start_servers
from tests.support.embedded import query


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with one row and one message in it, no server running."""
    directory = tmp_path_factory.mktemp("embedded") / "data"
    with start_servers(directory) as servers:
        query(servers, "CREATE TABLE kept AS SELECT 42 AS answer")
        with kombu.Connection(servers.broker_url) as broker, closing(broker.SimpleQueue("kept")) as queue:
            queue.put({"answer": 42})
    return directory


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A temporary folder below folders that everybody may pass, which pytest's own is not."""
    folder = Path(tempfile.mkdtemp(prefix="sr-"))
    yield folder
    shutil.rmtree(folder)
