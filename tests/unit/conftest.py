"""No test here starts a process, opens a socket, sleeps, writes a file or loads a model library.

The same holds for what it imports. A test may read the repository's own files.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import NoReturn

import pytest

from tests.support.no_io import DoesIO, no_io


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    with no_io():
        return (yield)


@pytest.fixture(autouse=True, scope="package")
def _no_io() -> Iterator[None]:
    with no_io():
        yield


@pytest.fixture
def tmp_path() -> NoReturn:
    raise DoesIO("writes files")
