"""For every test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
# The fixture of the whole product. It takes half a minute to load, so all tests that use it run in one process.
SHARED = "stack"


@pytest.fixture(scope="session", autouse=True)
def files_of_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test keeps files where those of this machine's user lie."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPECREASON_FILES_DIR", str(tmp_path_factory.mktemp("files")))
        yield


# Before xdist's own hook, which reads the marks.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests of one file in one process: `make test` runs two."""
    for item in items:
        assert isinstance(item, pytest.Function)
        group = SHARED if SHARED in item.fixturenames else str(item.path.relative_to(TESTS))
        item.add_marker(pytest.mark.xdist_group(group))
