"""`specreason report`: what it refuses, and the folder that it draws from real rows."""

from __future__ import annotations

import json
from pathlib import Path
from uuid import uuid4

import pytest

from specreason.store.session import Database
from tests.support.shell import Shell
from tests.support.store.known import build


def test_it_wants_batches_or_an_evaluation(shell: Shell) -> None:
    for arguments in (("report",), ("report", "base", "--eval", "paper")):
        done = shell(*arguments)
        assert (done.status, done.err) == (
            2,
            "specreason: BATCH: name batches or --eval NAME, one of the two\n",
        )


def test_a_folder_that_is_no_report_is_refused_before_anything_is_asked(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    done = shell("report", str(uuid4()), "--out", tmp_path, "--json")
    assert (done.status, done.json["error"]["field"]) == (2, "--out")
    assert "is no report" in done.err


def test_a_batch_or_an_evaluation_that_there_is_not_has_no_report(shell: Shell, tmp_path: Path) -> None:
    for arguments in (("none",), ("--eval", "none")):
        done = shell("report", *arguments, "--out", tmp_path / "report")
        assert done.status == 4
    assert not (tmp_path / "report").exists()


def test_a_machine_that_cannot_draw_says_what_to_install(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("specreason.report.needs.find_spec", lambda name: None)
    done = shell("report", str(uuid4()))
    assert done.status == 2
    assert "pip install 'specreason[analysis]'" in done.err


def test_batches_become_a_folder_with_a_page(
    shell: Shell, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(database)
    monkeypatch.chdir(tmp_path)
    done = shell("report", "base", "specreason")
    assert done.status == 0, done.err
    page, says = done.out.splitlines()
    assert Path(page) == Path("report-base-specreason") / "report.html"
    value = json.loads((tmp_path / "report-base-specreason" / "report.json").read_text())
    assert value["says"] == says
    names = [figure["name"] for figure in value["figures"]]
    assert "accuracy_latency" in names
    for place, name in enumerate(names, 1):
        assert f"drawing {name} ({place} of {len(names)})" in done.err
    again = shell("report", "base", "specreason", "--json").json
    assert (again["figures"], again["says"]) == (names, says)
