"""The page of a report, and its folder as a zip file."""

from __future__ import annotations

import io
import re
import zipfile

from fastapi.testclient import TestClient

from specreason.store.session import Database
from tests.integration.api.pages.test_job import words_of
from tests.support.store.known import build


def test_a_report_is_shown_for_the_chosen_batches(client: TestClient, database: Database) -> None:
    known = build(database)
    empty = client.get("/reports").text
    assert f'value="{known.base}">' in empty
    asked = {"batch": [str(known.base), str(known.specreason)]}
    page = client.get("/reports", params=asked)
    assert page.status_code == 200
    report = client.get("/api/report", params=asked).json()
    told = words_of(page.text)
    assert " ".join(report["says"].split()) in told
    for figure in report["figures"]:
        assert f'id="{figure["name"]}"' in page.text
        assert " ".join(figure["says"].split()) in told
    assert page.text.count('src="data:image/svg+xml;base64,') >= 3
    assert not re.search(r"<style|\sstyle=|<svg[^>]*matplotlib", page.text)


def test_the_folder_of_a_report_comes_as_a_zip_file(client: TestClient, database: Database) -> None:
    known = build(database)
    answer = client.get("/reports/zip", params={"batch": [str(known.base), str(known.specreason)]})
    assert answer.headers["Content-Type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
    assert {"report/report.html", "report/report.json", "report/report.md"} <= set(names)
    assert any(name.endswith("accuracy_latency.png") for name in names)


def test_a_report_that_cannot_be_is_refused_in_words(client: TestClient, database: Database) -> None:
    known = build(database)
    both = client.get("/reports", params={"batch": str(known.base), "eval": "math"})
    assert both.status_code == 422
    assert 'role="alert"' in both.text
    assert 'name="batch"' in both.text, "the list stays"
