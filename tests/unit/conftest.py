"""No test here starts a process, opens a socket, sleeps or loads a model library, nor does what it imports."""

from __future__ import annotations

from collections.abc import Generator, Iterator

import pytest

from tests.support.no_io import no_io


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    with no_io():
        return (yield)


@pytest.fixture(autouse=True, scope="package")
def _no_io() -> Iterator[None]:
    with no_io():
        yield
