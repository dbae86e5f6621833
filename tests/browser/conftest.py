"""One browser for all tests of this folder that a process runs; for each test, a context, a database and the API."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from specreason.embedded import Servers
from specreason.store.session import Database
from tests.integration.conftest import administration, database, database_url, servers
from tests.support.api.apps import make_api
from tests.support.api.live import serving
from tests.support.browser.chromium import TELL_OF_REFUSALS, chromium, note_complaints, why_there_is_none

__all__ = ["administration", "database", "database_url", "servers"]
# For an element or an address to come, on a machine that is busy with other tests.
PATIENCE_MS = 60_000


# It ends with the folder: while Playwright's event loop is there, no other test could run one.
@pytest.fixture(scope="package", autouse=True)
def browser() -> Iterator[Any]:
    if reason := why_there_is_none():
        pytest.skip(reason)
    with chromium() as browser:
        yield browser


@pytest.fixture
def site(servers: Servers, database: Database, tmp_path: Path) -> Iterator[str]:
    """The address of the API without keys."""
    with serving(make_api(servers, database, files_dir=tmp_path / "files")) as address:
        yield address


@pytest.fixture
def complaints() -> list[str]:
    """Errors in the consoles of this test's tabs. One that a test expects is taken out by it."""
    return []


@pytest.fixture
def open_tab(browser: Any, complaints: list[str]) -> Iterator[Callable[..., Any]]:
    """Opens a tab in a context of its own, with Playwright's options for it. No console may have an error."""
    contexts: list[Any] = []

    def open_one(**options: Any) -> Any:
        contexts.append(browser.new_context(**options))
        contexts[-1].add_init_script(TELL_OF_REFUSALS)
        contexts[-1].set_default_timeout(PATIENCE_MS)
        tab = contexts[-1].new_page()
        note_complaints(tab, complaints)
        return tab

    yield open_one
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def tab(open_tab: Callable[..., Any]) -> Any:
    """A tab of 1280 × 900 pixels in light colours."""
    return open_tab(viewport={"width": 1280, "height": 900}, color_scheme="light")
