"""The page of a job in a real browser: what its script and htmx add to what the server sends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import UUID

from specreason.store.session import Database
from tests.support.api.long_traces import eventful_job, long_job, running_job
from tests.support.browser.chromium import aside
from tests.support.store.builders import accepted, append_all


def open_job(tab: Any, site: str, job_id: UUID, rest: str = "") -> None:
    tab.goto(f"{site}/jobs/{job_id}{rest}")


def focused(tab: Any) -> str:
    return str(tab.evaluate("document.activeElement.id"))


def test_keys_lead_from_step_to_step_and_from_rejection_to_rejection(
    site: str, tab: Any, database: Database
) -> None:
    open_job(tab, site, aside(eventful_job, database))
    rejected = [
        f"step-{each}"
        for each in tab.eval_on_selector_all(".step.rejected", "all => all.map(e => e.id.slice(5))")
    ]
    tab.keyboard.press("n")
    assert focused(tab) == rejected[0]
    tab.keyboard.press("n")
    assert focused(tab) == rejected[1]
    assert tab.url.endswith(f"#{rejected[1]}")
    tab.keyboard.press("p")
    assert focused(tab) == rejected[0]
    tab.keyboard.press("j")
    tab.keyboard.press("k")
    assert focused(tab) == rejected[0]
    tab.keyboard.press("?")
    assert tab.locator("#keys").is_visible()


def test_the_next_page_comes_when_its_link_comes_into_view(site: str, tab: Any, database: Database) -> None:
    open_job(tab, site, aside(long_job, database, 150))
    assert tab.locator(".step").count() == 100
    tab.locator(".more").scroll_into_view_if_needed()
    tab.locator("#step-149").wait_for(state="attached")
    assert tab.locator(".step").count() == 150


def test_a_permalink_opens_the_page_that_has_the_step(site: str, tab: Any, database: Database) -> None:
    open_job(tab, site, aside(long_job, database, 130), "#step-120")
    tab.wait_for_url("**?step=120#step-120")
    tab.locator("#step-120").wait_for()
    assert tab.locator("#step-120").evaluate("e => e.getBoundingClientRect().top < innerHeight")


def test_formulas_are_typeset_and_shown_as_text_on_demand(site: str, tab: Any, database: Database) -> None:
    open_job(tab, site, aside(eventful_job, database))
    formula = tab.locator("#step-0 .tex").first
    formula.scroll_into_view_if_needed()
    formula.locator(".katex").first.wait_for()
    tab.locator("[data-as-text]").click()
    assert formula.inner_text().startswith("$s =")
    assert tab.locator(".katex").count() == 0
    tab.locator("[data-as-text]").click()
    formula.scroll_into_view_if_needed()
    formula.locator(".katex").first.wait_for()


def test_a_new_step_appears_while_the_job_runs(site: str, tab: Any, database: Database) -> None:
    job, writer = aside(running_job, database, 3)
    open_job(tab, site, job.job_id)
    told = tab.locator("figcaption").inner_text()
    aside(lambda: asyncio.run(append_all(writer, replace(job, first_step=3), accepted(3))))
    tab.locator("#step-3").wait_for()
    assert tab.locator(".step").count() == 4
    assert tab.locator("figcaption").inner_text() != told
    writer.close()


def test_without_a_script_links_lead_through_the_trace(
    site: str, open_tab: Callable[..., Any], database: Database
) -> None:
    job_id = aside(long_job, database, 130)
    plain = open_tab(java_script_enabled=False)
    open_job(plain, site, job_id)
    plain.locator(".more a").click()
    assert plain.locator(".step").count() == 30
    assert plain.locator("[data-as-text]").is_hidden()
