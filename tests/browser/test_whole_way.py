"""The whole way through the pages, against an API and a worker as they run: with JavaScript, and without."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from specreason.embedded import Servers
from specreason.store.session import Database
from tests.support.api.apps import make_api, scripted_app
from tests.support.api.guarded import make_key
from tests.support.api.live import serving
from tests.support.browser.chromium import aside
from tests.support.store.sql import execute
from tests.support.workers.harness import WorkerHarness, worker_harness

PROBLEMS = [
    {"problem": "Wait for gate at 3.", "answer": "4", "id": "held"},
    {"problem": "What is 3 + 3?", "answer": "6", "id": "free"},
]


@pytest.fixture(scope="module")
def harness(servers: Servers, administration: Database) -> Iterator[WorkerHarness]:
    with worker_harness(servers, administration, {}) as harness:
        yield harness


@pytest.fixture
def stack(servers: Servers, harness: WorkerHarness, tmp_path: Path) -> Iterator[str]:
    """The address of an API over the worker's database."""
    with serving(scripted_app(servers, harness.database, tmp_path)) as address:
        yield address


def submit_a_file(tab: Any, site: str, folder: Path, *, name: str, scheme: str) -> str:
    """Through the form; the address of the batch's page."""
    file = folder / f"{name}.jsonl"
    file.write_text("".join(json.dumps(each) + "\n" for each in PROBLEMS))
    tab.goto(f"{site}/submit")
    tab.locator("input[type=file]").set_input_files(file)
    tab.get_by_label("Name", exact=True).fill(name)
    tab.get_by_label("Scheme").select_option(scheme)
    tab.get_by_role("button", name="Submit", exact=True).click()
    tab.wait_for_url("**/batches/*")
    return str(tab.url)


def compare(tab: Any, site: str, *names: str) -> None:
    """Through the form."""
    tab.goto(f"{site}/compare")
    for side, name in zip("ab", names, strict=True):
        picks = tab.locator(f"select[name={side}]")
        picks.select_option(picks.locator("option", has_text=name).first.get_attribute("value"))
    tab.get_by_role("button", name="Compare").click()
    tab.get_by_role("heading", name="2 problems in both").wait_for()


def test_from_a_file_to_a_comparison(stack: str, harness: WorkerHarness, tab: Any, tmp_path: Path) -> None:
    # Submitted, and followed while it runs.
    harness.hold("gate")
    harness.worker()
    one = submit_a_file(tab, stack, tmp_path, name="ours", scheme="specreason")
    tab.get_by_text("1 of 2 jobs ended").wait_for()
    # A job that is held up at its fourth step grows while it is looked at.
    tab.get_by_role("link", name="0", exact=True).click()
    tab.locator("#step-2").wait_for()
    assert tab.locator(".step").count() == 3
    job = tab.url
    harness.let_go("gate")
    tab.locator("#step-7").wait_for()
    tab.get_by_text("Succeeded: ").wait_for()
    # Its ladder by keyboard, and a permalink.
    tab.keyboard.press("j")
    tab.keyboard.press("j")
    assert tab.evaluate("document.activeElement.id") == "step-1"
    tab.keyboard.press("n")
    step = tab.evaluate("document.activeElement.id")
    assert tab.locator(f"#{step}").get_attribute("class").endswith("rejected")
    assert tab.url == f"{job}#{step}"
    # A phrase, found in the batch, leads to its step.
    tab.goto(one)
    tab.get_by_label("Words").fill('"drafter says"')
    tab.get_by_role("button", name="Search").click()
    tab.locator(".hits a").first.click()
    assert "#step-" in tab.url
    # Compared with another batch over the same file.
    submit_a_file(tab, stack, tmp_path, name="alone", scheme="base")
    tab.get_by_text("2 of 2 jobs ended").wait_for()
    compare(tab, stack, "alone", "ours")


def test_a_dead_job_is_queued_again_and_ends(
    stack: str, harness: WorkerHarness, tab: Any, tmp_path: Path
) -> None:
    harness.worker()
    submit_a_file(tab, stack, tmp_path, name="dies", scheme="specreason")
    tab.get_by_text("2 of 2 jobs ended").wait_for()
    aside(
        execute,
        harness.database,
        """UPDATE job SET state = 'dead', error = 'the engine died', answer = NULL, stop_reason = NULL,
               graded_at = NULL
           FROM batch WHERE batch.id = job.batch_id AND batch.name = 'dies'""",
    )
    tab.goto(f"{stack}/dead")
    tab.locator(".dead table").get_by_role("button").first.click()
    tab.get_by_role("status").first.wait_for()
    assert tab.locator(".dead tbody tr").count() <= 1
    tab.goto(stack)
    tab.get_by_text("1 succeeded").first.wait_for()


def test_without_javascript_forms_and_links_do_it_all(
    stack: str, harness: WorkerHarness, open_tab: Callable[..., Any], tmp_path: Path
) -> None:
    tab = open_tab(java_script_enabled=False)
    harness.worker()
    file = tmp_path / "plain.jsonl"
    file.write_text("".join(json.dumps(each) + "\n" for each in PROBLEMS))
    tab.goto(f"{stack}/submit")
    tab.locator("input[type=file]").set_input_files(file)
    tab.get_by_role("button", name="Look at the file first").click()
    tab.get_by_text("plain.jsonl: 2 problems").wait_for()
    one = submit_a_file(tab, stack, tmp_path, name="plain", scheme="specreason")
    while not tab.get_by_text("2 of 2 jobs ended").count():
        tab.wait_for_timeout(200)
        tab.reload()
    tab.get_by_role("link", name="0", exact=True).click()
    assert tab.locator(".step").count() == 8
    tab.locator("#step-1 h3 a").click()
    assert tab.url.endswith("?step=1#step-1")
    tab.goto(one)
    tab.get_by_label("Words").fill("says")
    tab.get_by_role("button", name="Search").click()
    assert tab.locator(".hits li").count() > 0
    tab.goto(f"{one}?figures=1#figures")
    tab.get_by_text("What a score is worth").first.wait_for()
    harness.hold("gate")
    submit_a_file(tab, stack, tmp_path, name="beside", scheme="base")
    tab.get_by_role("button", name="Pause").click()
    assert tab.get_by_role("status").first.inner_text().startswith("Paused")
    tab.get_by_role("button", name="Resume").click()
    harness.let_go("gate")
    while not tab.get_by_text("2 of 2 jobs ended").count():
        tab.wait_for_timeout(200)
        tab.reload()
    compare(tab, stack, "beside", "plain")
    tab.goto(f"{stack}/?name=plain")
    assert tab.get_by_role("link", name="plain", exact=True).is_visible()
    assert not tab.get_by_role("link", name="beside", exact=True).count()


def test_without_javascript_a_viewer_signs_in_and_out(
    servers: Servers, database: Database, open_tab: Callable[..., Any], tmp_path: Path
) -> None:
    key = aside(make_key, database, "ada")
    tab = open_tab(java_script_enabled=False)
    with serving(make_api(servers, database, files_dir=tmp_path, with_keys=True)) as site:
        tab.goto(f"{site}/dead?kind=")
        tab.get_by_label("API key").fill(key.secret)
        tab.get_by_role("button", name="Sign in").click()
        tab.wait_for_url("**/dead?kind=")
        tab.get_by_role("button", name="Sign out").click()
        tab.wait_for_url("**/sign-in")


def test_signing_in_and_out_and_the_colours_that_a_viewer_chose(
    servers: Servers, database: Database, tab: Any, tmp_path: Path
) -> None:
    key = aside(make_key, database, "ada")
    with serving(make_api(servers, database, files_dir=tmp_path, with_keys=True)) as site:
        tab.goto(f"{site}/workers")
        tab.get_by_label("API key").fill(key.secret)
        tab.get_by_role("button", name="Sign in").click()
        tab.wait_for_url("**/workers")
        assert "sr_" not in tab.evaluate("document.cookie")
        tab.get_by_role("button", name="Dark").click()
        light = "rgb(255, 255, 255)"
        assert tab.evaluate("getComputedStyle(document.body).backgroundColor") != light
        tab.reload()
        assert tab.evaluate("getComputedStyle(document.body).backgroundColor") != light
        tab.get_by_role("button", name="Sign out").click()
        tab.wait_for_url("**/sign-in")
        tab.goto(f"{site}/")
        assert "/sign-in?next=" in tab.url
