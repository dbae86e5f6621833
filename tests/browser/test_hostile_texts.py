"""A hundred payloads as every text that a page shows: none of them does anything, and all of them are there to read."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from specreason.embedded import Servers
from specreason.store.session import Database, connect
from tests.browser.hostile import Hostile, fill
from tests.browser.inertness import Watch
from tests.browser.payloads import PAYLOADS, mark
from tests.support.api.apps import make_api
from tests.support.api.live import serving
from tests.support.browser.chromium import aside
from tests.support.store.databases import own_database

ALL = range(len(PAYLOADS))


@pytest.fixture(scope="module")
def hostile_site(servers: Servers, administration: Database, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The address of an API over such a store, and what is in it."""
    with own_database(servers, administration) as url:
        database = connect(url)
        hostile = aside(fill, database)
        files = tmp_path_factory.mktemp("hostile")
        with serving(make_api(servers, database, files_dir=files)) as address:
            yield address, hostile
        database.dispose()


@pytest.fixture
def visit(hostile_site: tuple[str, Hostile], tab: Any) -> Callable[..., set[int]]:
    """Open a page, look at all of it, and return the numbers of the payloads that it shows. None has done anything."""
    site, _ = hostile_site
    watch = Watch(tab, site)

    def visit(path: str) -> set[int]:
        tab.goto(site + path)
        open_and_scroll(tab)
        assert watch.found() == []
        return shown_in(tab)

    return visit


def open_and_scroll(tab: Any) -> None:
    """Unfold everything, bring every formula and every part that is loaded later into view, and wait for them."""
    tab.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    height = tab.evaluate("document.documentElement.scrollHeight")
    for top in range(0, height + 1, 3000):
        tab.evaluate(f"scrollTo(0, {top})")
    for formula in tab.locator(".said:has(.tex)").all():
        formula.scroll_into_view_if_needed()
    tab.wait_for_load_state("networkidle")


def shown_in(tab: Any) -> set[int]:
    """The payloads whose marks stand in the page's text or in its inputs."""
    text = tab.evaluate(
        "() => document.body.textContent + [...document.querySelectorAll('input')].map((i) => i.value).join()"
    )
    return {number for number in ALL if mark(number) in text}


def together(found: Iterable[Collection[int]]) -> set[int]:
    return {number for each in found for number in each}


def test_the_watch_tells_of_payloads_that_are_taken_for_markup(tab: Any, complaints: list[str]) -> None:
    """One that leads away from the page ends the look at it, and is left out."""
    watch = Watch(tab, "http://nowhere.invalid")
    tab.route("**/*", lambda route: route.fulfill(content_type="text/html", body="<p>"))
    tab.goto("http://nowhere.invalid/")
    told = []
    for said in (each for each in PAYLOADS if "refresh" not in each):
        tab.evaluate("(markup) => { document.body.innerHTML = markup; }", said)
        told.append(watch.found())
    assert sum(map(bool, told)) >= 75
    assert any("ran" in each for one in told for each in one)
    assert any("a request" in each for one in told for each in one)
    complaints.clear()  # of the browser, about what the payloads tried


def test_as_names_metadata_and_evals_of_batches(
    hostile_site: tuple[str, Hostile], visit: Callable[..., set[int]], tab: Any
) -> None:
    found, path = [], "/"
    while path:
        found.append(visit(path))
        more = tab.locator("a[rel=next]")
        path = more.get_attribute("href") if more.count() else ""
    assert together(found) == set(ALL)
    hostile = hostile_site[1]
    assert visit(f"/batches/{hostile.right}") == set(ALL)
    assert visit("/compare") >= set(range(50, 100))
    assert visit("/reports") >= set(range(50, 100))


def test_as_problems_ids_answers_gold_and_errors_of_jobs(
    hostile_site: tuple[str, Hostile], visit: Callable[..., set[int]], tab: Any
) -> None:
    hostile = hostile_site[1]
    for batch_id in (hostile.right, hostile.failed):
        found, path = [], f"/batches/{batch_id}"
        while path:
            found.append(visit(path))
            more = tab.locator("a[rel=next]", has_text="Next jobs")
            path = more.get_attribute("href") if more.count() else ""
        assert len(found) == 2
        assert together(found) == set(ALL)
    found = [visit("/dead")]
    found.append(visit(tab.locator("a[rel=next]").get_attribute("href")))
    assert together(found) == set(ALL)
    assert 0 in visit(f"/jobs/{hostile.ended}")


def test_as_drafts_and_texts_of_steps(
    hostile_site: tuple[str, Hostile], visit: Callable[..., set[int]], tab: Any
) -> None:
    hostile = hostile_site[1]
    first, second = hostile.traces
    assert visit(f"/jobs/{first}") == set(ALL)
    assert tab.locator(".katex, .katex-error").count() > 0
    assert visit(f"/jobs/{first}/steps/90") >= {90, 91}
    assert visit(f"/batches/{hostile.right}?find=pwn&drafts=1") >= {0}
    found = []
    for after in range(-1, 100, 20):
        found.append(visit(f"/compare/traces?a={first}&b={second}&after={after}"))
    assert together(found) == set(ALL)


def test_as_what_two_batches_differ_in(
    hostile_site: tuple[str, Hostile], visit: Callable[..., set[int]]
) -> None:
    hostile = hostile_site[1]
    assert visit(f"/compare?a={hostile.right}&b={hostile.wrong}") >= {0, 1}
    assert visit(f"/batches/{hostile.wrong}?against={hostile.right}&figures=1") >= {0, 1}
    assert visit(f"/reports?batch={hostile.right}&batch={hostile.wrong}") >= {0, 1}


def test_as_hosts_of_workers(visit: Callable[..., set[int]]) -> None:
    assert visit("/workers") == set(ALL)


def test_as_filters_that_stand_in_the_url(visit: Callable[..., set[int]]) -> None:
    for number, said in enumerate(PAYLOADS):
        if number % 4 == 0:
            assert number in visit("/?" + urlencode({"name": said}))


def test_as_names_of_files_and_lines_of_them(
    hostile_site: tuple[str, Hostile], tab: Any, tmp_path: Path
) -> None:
    site, _ = hostile_site
    watch = Watch(tab, site)
    tab.goto(f"{site}/submit")
    shown = set[int]()
    for number in ALL:
        said = PAYLOADS[number]
        lines = [json.dumps({"problem": said, "answer": said, "id": said}), said.replace("\n", " ")]
        name = said.replace("/", "∕")
        content = "\n".join(lines).encode()
        with tab.expect_response("**/submit/preview"):
            tab.locator("input[type=file]").set_input_files(
                {"name": f"{name}.jsonl", "mimeType": "text/plain", "buffer": content}
            )
        tab.locator("#preview", has_text=mark(number)).wait_for()
        assert watch.found() == []
        shown |= shown_in(tab)
    assert shown == set(ALL)
