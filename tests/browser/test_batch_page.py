"""The page of a batch in a real browser: what htmx adds to what the server sends."""

from __future__ import annotations

from typing import Any

from specreason.store.queue.jobs import JobResult, finish
from specreason.store.session import Database
from specreason.store.tables.states import JobState
from tests.support.browser.chromium import aside
from tests.support.store.builders import claimed, job_ids, start_worker, submit
from tests.support.store.known import build


def test_parts_that_take_long_come_when_they_are_in_view(site: str, database: Database, tab: Any) -> None:
    known = aside(build, database)
    tab.goto(f"{site}/batches/{known.specreason}")
    for part, says in (
        ("figures", "margin above it"),
        ("judge", "What a score is worth"),
        ("beside", "Speedup"),
    ):
        tab.locator(f"#part-{part}").scroll_into_view_if_needed()
        tab.locator(f"#part-{part}:not(.later)").get_by_text(says).first.wait_for()
    tab.set_viewport_size({"width": 375, "height": 800})
    assert tab.evaluate("document.documentElement.scrollWidth") <= 375


def test_the_head_follows_the_jobs_and_leaves_an_open_form_open(
    site: str, database: Database, tab: Any
) -> None:
    batch_id = aside(submit, database, 2)

    def run_one(number: int) -> None:
        job_id = job_ids(database, batch_id)[number]
        job = claimed(database, job_id, start_worker(database))
        finish(database, job, JobResult(state=JobState.SUCCEEDED, answer="4"))

    tab.goto(f"{site}/batches/{batch_id}")
    tab.get_by_text("0 of 2 jobs ended").wait_for()
    tab.get_by_text("Priority…").click()
    tab.get_by_label("Priority, −100 to 100").fill("7")
    aside(run_one, 0)
    tab.get_by_text("1 of 2 jobs ended").wait_for()
    assert tab.get_by_label("Priority, −100 to 100").input_value() == "7"
    aside(run_one, 1)
    tab.get_by_text("2 of 2 jobs ended").wait_for()
    assert tab.locator("#head").get_attribute("hx-get") is None


def test_an_action_says_what_it_did(site: str, database: Database, tab: Any) -> None:
    batch_id = aside(submit, database, 2)
    tab.goto(f"{site}/batches/{batch_id}")
    tab.get_by_role("button", name="Pause").click()
    assert tab.get_by_role("status").first.text_content().startswith("Paused")
    tab.get_by_text("Cancel…").click()
    tab.get_by_role("button", name="Cancel these jobs").click()
    assert tab.get_by_role("status").first.text_content() == "2 jobs cancelled."


def test_a_filter_is_a_link_to_the_same_jobs(site: str, database: Database, tab: Any) -> None:
    known = aside(build, database)
    tab.goto(f"{site}/batches/{known.specreason}")
    tab.get_by_text("Filter jobs").click()
    tab.get_by_label("the token budget was used up").check()
    tab.get_by_role("search", name="Filter jobs").get_by_role("button", name="Show").click()
    tab.wait_for_url("**stop_reason=token_budget**")
    assert tab.locator("table.jobs tbody tr").count() == 2
    assert tab.get_by_label("the token budget was used up").is_checked()
