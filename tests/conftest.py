"""For every test."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest
from xdist.scheduler import LoadScopeScheduling

# Tests that load engines. Two loads at once take three times as long as one after the other.
WITH_ENGINES = (
    "tests/acceptance/",
    "tests/conformance/",
    "tests/gpu/test_proof.py",
    "tests/integration/worker/test_engine_processes.py",
    "tests/integration/worker/test_killed_ranks.py",
)


class EnginesInOneProcess(LoadScopeScheduling):
    """Hands out the tests of a file together, and all that load engines to one of the processes of `make test`."""

    def _split_scope(self, nodeid: str) -> str:
        return "engines" if nodeid.startswith(WITH_ENGINES) else nodeid.partition("::")[0]


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> LoadScopeScheduling:
    return EnginesInOneProcess(config, log)


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
