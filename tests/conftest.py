"""For every test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
# Each of these rooms shares engines that take half a minute to load.
LOADED_ONCE = ("acceptance", "conformance")


@pytest.fixture(scope="session", autouse=True)
def files_of_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test keeps files where those of this machine's user lie."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPECREASON_FILES_DIR", str(tmp_path_factory.mktemp("files")))
        yield


# Before xdist's own hook, which reads the marks.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests of one file in one process, and those that share engines. `make test` runs two processes."""
    for item in items:
        file = item.path.relative_to(TESTS)
        group = file.parts[0] if file.parts[0] in LOADED_ONCE else str(file)
        item.add_marker(pytest.mark.xdist_group(group))
