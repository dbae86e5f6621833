"""The folder of a report: whole or not there, the same each time, and safe to open whatever models wrote."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from specreason.errors import InvalidField
from specreason.evaluation.report.values import Report
from specreason.report.drawing.draw import DRAW_OF, draw
from specreason.report.folder import check_folder, write_report
from tests.support.report.made_up import HOSTILE, cells_of, report_of

ROOT = Path(__file__).parents[3]


def silent(name: str, place: int, total: int) -> None:
    """Progress that nobody reads."""


def small() -> Report:
    """A report of one figure, which is soon drawn."""
    whole = report_of(cells_of())
    return replace(whole, figures=whole.figures[:1])


def contents(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> tuple[Report, Path]:
    """A report in which every text of a user or a model is an attack, and its folder."""
    cells = cells_of(pairs=("demo", f"b{HOSTILE}"), datasets=(HOSTILE,), thresholds=(3.0, 7.0))
    report = replace(report_of(cells, text=HOSTILE), title=HOSTILE, says=HOSTILE)
    folder = tmp_path_factory.mktemp("report") / "hostile"
    write_report(report, folder, tell=silent)
    return report, folder


def test_every_figure_has_its_picture_twice_its_numbers_and_its_sql(hostile: tuple[Report, Path]) -> None:
    report, folder = hostile
    assert {figure.name for figure in report.figures} == set(DRAW_OF)
    for figure in report.figures:
        path = folder / "figures" / figure.name
        assert path.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
        ET.fromstring(path.with_suffix(".svg").read_text())
        assert path.with_suffix(".sql").read_text() == figure.sql + "\n"
        with path.with_suffix(".csv").open(newline="") as file:
            rows = list(csv.reader(file))
        assert rows[0] == list(figure.columns)
        assert len(rows) == len(figure.rows) + 1
    value = json.loads((folder / "report.json").read_text())
    assert [figure["name"] for figure in value["figures"]] == [figure.name for figure in report.figures]
    configurations = json.loads((folder / "configuration.json").read_text())
    assert configurations == json.loads(json.dumps(report.configurations))


class Page(HTMLParser):
    """Elements, ids and addresses of a page, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.ids: list[str] = []
        self.addresses: set[str] = set()
        self.handlers: set[str] = set()
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name in ("href", "src", "xlink:href", "action", "data", "poster", "srcset"):
                self.addresses.add(value or "")
            if name.startswith("on"):
                self.handlers.add(name)

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_the_page_runs_nothing_and_refers_to_nothing_outside_its_folder(hostile: tuple[Report, Path]) -> None:
    _, folder = hostile
    text = (folder / "report.html").read_text()
    page = Page(text)
    assert page.tags.isdisjoint({"script", "iframe", "object", "embed", "link", "base", "img", "form"})
    assert page.handlers == set()
    assert "@import" not in text
    inside = {address for address in page.addresses if not address.startswith("#")}
    assert inside
    assert all((folder / address).is_file() for address in inside)
    anchors = {address[1:] for address in page.addresses if address.startswith("#")}
    assert anchors <= set(page.ids)
    assert len(page.ids) == len(set(page.ids))
    assert set(re.findall(r"url\((?!#)[^)]*\)", text)) == set()


def test_what_models_and_users_wrote_stands_in_the_page_as_text(hostile: tuple[Report, Path]) -> None:
    _, folder = hostile
    words = "".join(Page((folder / "report.html").read_text()).words)
    assert HOSTILE.replace("\x1b", "␛") in words
    assert "\x1b" not in words


def test_the_same_report_gives_the_same_bytes_in_another_process(tmp_path: Path) -> None:
    report = report_of(cells_of())
    drawn = [draw(figure, report.cells)[kind] for figure in report.figures[:2] for kind in ("svg", "png")]
    ours = [hashlib.sha256(content).hexdigest() for content in drawn]
    program = """
import hashlib
from specreason.report.drawing.draw import draw
from tests.support.report.made_up import cells_of, report_of
report = report_of(cells_of())
for figure in report.figures[:2]:
    for kind in ("svg", "png"):
        print(hashlib.sha256(draw(figure, report.cells)[kind]).hexdigest())
"""
    (tmp_path / "matplotlibrc").write_text("figure.facecolor: red\nsvg.hashsalt: other\n")
    environment = os.environ | {"PYTHONHASHSEED": "1", "MATPLOTLIBRC": str(tmp_path), "TZ": "Asia/Tokyo"}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ours


def test_a_report_is_written_again_with_the_same_bytes_and_in_place_of_the_old_one(tmp_path: Path) -> None:
    folder = tmp_path / "report"
    assert write_report(small(), folder, tell=silent) == folder / "report.html"
    before = contents(folder)
    (folder / "figures" / "old.svg").write_text("of an older report")
    write_report(small(), folder, tell=silent)
    assert contents(folder) == before
    assert [path.name for path in tmp_path.iterdir()] == ["report"]


def test_an_error_leaves_the_old_report_and_nothing_beside_it(tmp_path: Path) -> None:
    folder = tmp_path / "report"
    write_report(small(), folder, tell=silent)
    before = contents(folder)

    def fail(name: str, place: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_report(replace(small(), title="another"), folder, tell=fail)
    assert contents(folder) == before
    assert [path.name for path in tmp_path.iterdir()] == ["report"]


@pytest.mark.parametrize("has_old", [True, False])
def test_a_kill_leaves_no_half_report(tmp_path: Path, has_old: bool) -> None:
    folder = tmp_path / "report"
    if has_old:
        write_report(small(), folder, tell=silent)
    before = contents(folder)
    program = f"""
import os, signal
from pathlib import Path
from specreason.report.folder import write_report
from tests.support.report.made_up import cells_of, report_of
def tell(name, place, total):
    if place == 2:
        os.kill(os.getpid(), signal.SIGKILL)
write_report(report_of(cells_of()), Path({str(folder)!r}), tell=tell)
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False)
    assert done.returncode == -signal.SIGKILL
    assert folder.exists() is has_old
    assert contents(folder) == before


def test_a_folder_that_is_no_report_is_refused_and_stays_as_it_is(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    check_folder(mine)  # an empty one holds nothing to lose
    (mine / "thesis.tex").write_text("years of work")
    with pytest.raises(InvalidField, match=r"is no report \(it has no report.json\); name another folder"):
        write_report(small(), mine, tell=silent)
    assert (mine / "thesis.tex").read_text() == "years of work"
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(InvalidField, match="is no folder"):
        check_folder(file)
    with pytest.raises(InvalidField, match="there is no folder"):
        check_folder(tmp_path / "nowhere" / "report")
    (tmp_path / "link").symlink_to(mine)
    with pytest.raises(InvalidField, match="is a link"):
        check_folder(tmp_path / "link")


def test_a_figure_that_this_version_cannot_draw_is_a_table(tmp_path: Path) -> None:
    known = small()
    newer = replace(known.figures[0], name="of_the_future")
    folder = tmp_path / "report"
    write_report(replace(known, figures=(newer,)), folder, tell=silent)
    assert sorted(path.name for path in (folder / "figures").iterdir()) == [
        "of_the_future.csv",
        "of_the_future.sql",
    ]
    assert "figures/of_the_future.svg" not in (folder / "report.md").read_text()
    assert "<svg" not in (folder / "report.html").read_text()


@pytest.mark.parametrize("name", ["../../outside", "a/b", "", "a.b", "ä"])
def test_a_figures_name_leads_out_of_no_folder(tmp_path: Path, name: str) -> None:
    known = small()
    with pytest.raises(InvalidField, match="is no name of a file"):
        write_report(
            replace(known, figures=(replace(known.figures[0], name=name),)), tmp_path / "report", tell=silent
        )
    assert list(tmp_path.iterdir()) == []
