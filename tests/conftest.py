"""For every test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def files_of_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test keeps files where those of this machine's user lie."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPECREASON_FILES_DIR", str(tmp_path_factory.mktemp("files")))
        yield
