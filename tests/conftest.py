"""For every test."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def files_of_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test keeps files where those of this machine's user lie."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPECREASON_FILES_DIR", str(tmp_path_factory.mktemp("files")))
        yield


@pytest.fixture(scope="session", autouse=True)
def signals_of_tests() -> None:
    """No process that a test starts ignores a signal because the caller does, as under `nohup`."""
    for number in (signal.SIGHUP, signal.SIGINT):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL if number == signal.SIGHUP else signal.default_int_handler)
