"""Tells whether a payload has done anything in a tab: run, opened a dialog, asked elsewhere, or made an element."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

# Before every page's own scripts: what a payload calls.
LISTEN = "window.pwned = []; window.pwn = (number) => { window.pwned.push(number); };"
# What no page of ours has, whatever it shows.
FOUND = r"""() => [
  ...window.pwned.splice(0).map((number) => `payload ${number} ran`),
  ...[...document.querySelectorAll("[pwn], [data-pwn], #pwn, base, iframe, object, embed, math:not(.katex math)")]
    .map((element) => `an element: ${element.outerHTML.slice(0, 200)}`),
  ...[...document.querySelectorAll("*")].flatMap((element) => [...element.attributes]
    .filter(({ name, value }) => /^on/i.test(name) || /^\s*(javascript|data:text)/i.test(value.replace(/[\t\n]/g, ""))
      && !["value", "aria-label", "title", "data-source", "alt"].includes(name))
    .map(({ name, value }) => `an attribute: ${name}="${value.slice(0, 200)}"`)),
  ...[...document.querySelectorAll("script, link[href], form")]
    .map((element) => element.src ?? element.href ?? element.action)
    .filter((url) => typeof url === "string" && new URL(url, location).origin !== location.origin)
    .map((url) => `an address: ${url}`),
]"""


class Watch:
    """What payloads do in a tab, from now on."""

    def __init__(self, tab: Any, site: str) -> None:
        self._tab, self._seen = tab, list[str]()
        tab.add_init_script(LISTEN)
        tab.on("dialog", self._hear)
        tab.on("request", lambda request: self._ask(request.url, site))

    def found(self) -> list[str]:
        """What they have done since the last look. The page must have loaded."""
        done, self._seen = self._seen, []
        return done + list(self._tab.evaluate(FOUND))

    def _hear(self, dialog: Any) -> None:
        self._seen.append(f"a dialog: {dialog.message}")
        dialog.dismiss()

    def _ask(self, url: str, site: str) -> None:
        if urlsplit(url).scheme in ("http", "https") and not url.startswith(f"{site}/"):
            self._seen.append(f"a request: {url}")
