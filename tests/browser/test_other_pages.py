"""The list of batches and the page that submits a file, in a real browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from specreason.store.session import Database
from tests.support.browser.chromium import aside
from tests.support.store.builders import submit
from tests.support.store.sql import execute


def test_the_list_follows_what_runs(site: str, tab: Any, database: Database) -> None:
    batch_id = aside(submit, database)
    tab.goto(site)
    assert "1 queued" in tab.locator("#list").inner_text()
    aside(execute, database, f"UPDATE batch SET name = 'renamed' WHERE id = '{batch_id}'")
    tab.get_by_role("link", name="renamed", exact=True).wait_for()


def test_a_batch_is_cancelled_only_after_a_question(site: str, tab: Any, database: Database) -> None:
    aside(submit, database)
    tab.goto(site)
    asked: list[str] = []

    def answer(dialog: Any) -> None:
        asked.append(dialog.message)
        dialog.dismiss() if len(asked) == 1 else dialog.accept()

    tab.on("dialog", answer)
    tab.get_by_role("button", name="Cancel sums").click()
    assert "1 queued" in tab.locator("#list").inner_text()
    tab.get_by_role("button", name="Cancel sums").click()
    tab.get_by_text("1 cancelled").wait_for()
    assert asked == ["Cancel the jobs of this batch that have not ended?"] * 2


def test_a_file_is_looked_at_as_soon_as_it_is_chosen_and_only_its_head_is_sent(
    site: str, tab: Any, tmp_path: Path
) -> None:
    line = '{"question": "What is 2 + 2?", "answer": "4"}\n'
    file = tmp_path / "sums.jsonl"
    file.write_text(line * 20_000)
    sizes: list[int] = []
    tab.on(
        "request",
        lambda request: (
            sizes.append(request.sizes()["requestBodySize"]) if "preview" in request.url else None
        ),
    )
    tab.goto(f"{site}/submit")
    tab.locator("input[type=file]").set_input_files(file)
    tab.get_by_text("sums.jsonl: about 20,").wait_for()
    assert tab.locator("#preview tbody tr").count() == 5
    tab.get_by_label("Repeats").fill("3")
    tab.get_by_label("Repeats").blur()
    tab.get_by_text("60,", exact=False).first.wait_for()
    assert all(size < 70_000 for size in sizes)


def test_a_dropped_file_is_submitted(site: str, tab: Any) -> None:
    tab.goto(f"{site}/submit")
    tab.evaluate(
        """() => {
          const data = new DataTransfer();
          data.items.add(new File(['{"problem": "What is 2 + 2?"}\\n'], "dropped.jsonl"));
          document.querySelector("[data-drop]").dispatchEvent(
            new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
        }"""
    )
    tab.get_by_text("dropped.jsonl: 1 problem").wait_for()
    tab.get_by_role("button", name="Submit", exact=True).click()
    tab.wait_for_url("**/batches/*")
