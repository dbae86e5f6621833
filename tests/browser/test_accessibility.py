"""What axe finds on each page, in light and dark colours and on a phone: nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from specreason.embedded import Servers
from specreason.store.access.visibility import Viewer
from specreason.store.queue.jobs import JobResult, finish
from specreason.store.read.summaries import read_job
from specreason.store.session import Database, connect
from specreason.store.tables.states import JobState
from tests.support.api.apps import make_api
from tests.support.api.guarded import make_key
from tests.support.api.live import serving
from tests.support.api.long_traces import eventful_job, running_job
from tests.support.browser.chromium import aside
from tests.support.store.builders import claimed, job_ids, start_worker, submit
from tests.support.store.databases import own_database
from tests.support.store.known import build

AXE = Path(__file__).parent / "axe" / "axe.min.js"
LOOK = """async (only) => {
  const found = await axe.run(document, only ? { runOnly: { type: "rule", values: only } } : {});
  return found.violations.map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map((n) => n.html.slice(0, 160)
    + " — " + (n.any[0]?.message ?? n.all[0]?.message ?? n.none[0]?.message ?? "")).join(" | ")}`);
}"""
# Colours are all that the dark pages have of their own.
OF_COLOURS = ["color-contrast", "link-in-text-block"]
PHONE = {"width": 375, "height": 800}


def pages(database: Database) -> dict[str, str]:
    """The path of each page by its name, over a store in which each has something to show."""
    known = build(database)
    job_id = eventful_job(database)
    running, writer = running_job(database, 3)
    writer.close()
    failed = submit(database, 3)
    first, second, _ = job_ids(database, failed)
    worker_id = start_worker(database)
    for number, each in enumerate((first, second)):
        result = JobResult(state=JobState.FAILED, error=f"the prompt has {number} tokens too many")
        finish(database, claimed(database, each, worker_id), result)
    batch_id = read_job(database, Viewer.EVERYONE, job_id).batch_id
    a, b = job_ids(database, known.base)[2], known.job
    return {
        "list": "/",
        "list, filtered to nothing": "/?name=none",
        "batch": f"/batches/{known.specreason}?against={known.base}&figures=1&find=wait&drafts=1&state=succeeded",
        "batch that runs": f"/batches/{failed}",
        "batch of long traces": f"/batches/{batch_id}",
        "job": f"/jobs/{job_id}",
        "job that runs": f"/jobs/{running.job_id}",
        "step": f"/jobs/{job_id}/steps/3",
        "compare, empty": "/compare",
        "compare": f"/compare?a={known.base}&b={known.specreason}",
        "traces": f"/compare/traces?a={a}&b={b}",
        "workers": "/workers",
        "dead": "/dead",
        "submit": "/submit",
        "reports": "/reports",
        "report": f"/reports?batch={known.base}&batch={known.specreason}",
    }


@pytest.fixture(scope="module")
def site_with_rows(
    servers: Servers, administration: Database, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, dict[str, str]]]:
    with own_database(servers, administration) as url:
        database = connect(url)
        paths = aside(pages, database)
        with serving(make_api(servers, database, files_dir=tmp_path_factory.mktemp("files"))) as address:
            yield address, paths
        database.dispose()


def violations(tab: Any, only: list[str] | None = None) -> list[str]:
    """What axe finds in the page with every part unfolded."""
    tab.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    tab.evaluate(AXE.read_text())
    return list(tab.evaluate(LOOK, only))


def test_no_page_has_a_violation_in_light_colours(
    site_with_rows: tuple[str, dict[str, str]], tab: Any
) -> None:
    site, paths = site_with_rows
    found = {}
    for name, path in paths.items():
        tab.goto(site + path)
        if name == "job":
            tab.locator("#step-0 .katex").first.wait_for()
        found[name] = violations(tab)
    assert {name: each for name, each in found.items() if each} == {}


def test_no_page_has_a_violation_in_dark_colours(
    site_with_rows: tuple[str, dict[str, str]], open_tab: Callable[..., Any]
) -> None:
    site, paths = site_with_rows
    tab = open_tab(viewport={"width": 1280, "height": 900}, color_scheme="dark")
    found = {}
    for name, path in paths.items():
        tab.goto(site + path)
        assert tab.evaluate("getComputedStyle(document.body).backgroundColor") != "rgb(255, 255, 255)"
        found[name] = violations(tab, OF_COLOURS)
    assert {name: each for name, each in found.items() if each} == {}


def test_on_a_phone_no_page_scrolls_sideways_or_has_a_violation(
    site_with_rows: tuple[str, dict[str, str]], open_tab: Callable[..., Any]
) -> None:
    site, paths = site_with_rows
    tab = open_tab(viewport=PHONE)
    found = {}
    for name, path in paths.items():
        tab.goto(site + path)
        widest = tab.evaluate("document.documentElement.scrollWidth")
        found[name] = violations(tab, ["scrollable-region-focusable", "target-size", "meta-viewport"])
        if widest > PHONE["width"]:
            found[name].append(f"it is {widest} pixels wide")
    assert {name: each for name, each in found.items() if each} == {}


def test_the_pages_of_signing_in_and_of_errors_have_no_violation(
    servers: Servers, database: Database, tmp_path: Path, tab: Any, complaints: list[str]
) -> None:
    aside(make_key, database, "ada")
    found = {}
    with serving(make_api(servers, database, files_dir=tmp_path, with_keys=True)) as site:
        for path in ("/sign-in", "/batches/00000000-0000-7000-8000-000000000000"):
            tab.goto(site + path)
            found[path] = violations(tab)
        tab.goto(f"{site}/sign-in")
        tab.get_by_label("API key").fill("sr_unknown")
        tab.get_by_role("button", name="Sign in").click()
        tab.get_by_role("alert").wait_for()
        found["refused"] = violations(tab)
    refused = [each for each in complaints if "Failed to load resource" in each]
    for each in refused:
        complaints.remove(each)
    assert {name: each for name, each in found.items() if each} == {}
