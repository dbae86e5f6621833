"""The system's Chromium, driven by Playwright, which downloads no browser of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")
CHROMIUM = Path("/usr/bin/chromium")
ARGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
# Runs before every page's own scripts. What a policy forbids becomes an error in the console.
TELL_OF_REFUSALS = """document.addEventListener("securitypolicyviolation", (event) =>
    console.error(`the policy refused ${event.violatedDirective} ${event.blockedURI} ${event.sample}`));"""


def why_there_is_none() -> str | None:
    """The reason for which no browser can be started; None where one can."""
    if find_spec("playwright") is None:
        return "Playwright is not installed"
    return None if CHROMIUM.exists() else f"no Chromium is installed at {CHROMIUM}"


@contextmanager
def chromium() -> Iterator[Any]:
    """A browser until the end of the block."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=list(ARGS))
        try:
            yield browser
        finally:
            browser.close()


def note_complaints(tab: Any, complaints: list[str]) -> None:
    """Add each error that the tab's pages will have in the console."""
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)


def aside(make: Callable[..., T], *given: Any) -> T:
    """What `make` returns, from a thread of its own: Playwright keeps an event loop in the thread that drives it."""
    with ThreadPoolExecutor(1) as threads:
        return threads.submit(make, *given).result()
