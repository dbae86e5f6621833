"""What a report takes the place of, and what it must not: files of others are safe beside it and in its folder."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path

import pytest

from specreason.errors import InvalidField
from specreason.evaluation.report.values import Figure, Report
from specreason.report.folder import check_folder, to_csv, write_report
from tests.support.report.made_up import cells_of, report_of


def silent(name: str, place: int, total: int) -> None:
    """Progress that nobody reads."""


def bare() -> Report:
    """A report that is soon written: it has no pictures."""
    return replace(report_of(cells_of()), figures=())


@pytest.mark.parametrize("name", ["notes.md", "figures/notes.txt", "figures/mine"])
def test_a_report_beside_which_a_user_has_put_a_file_is_not_replaced(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "report"
    write_report(bare(), folder, tell=silent)
    (folder / name).write_text("thoughts")
    with pytest.raises(InvalidField, match=f"holds '{name}' beside a report"):
        write_report(bare(), folder, tell=silent)
    assert (folder / name).read_text() == "thoughts"


def test_a_folder_with_the_report_of_another_program_is_not_replaced(tmp_path: Path) -> None:
    for name in ("report.json", "report.html"):
        (tmp_path / name).write_text("{}")
    with pytest.raises(InvalidField, match=r"is no report \(it has no report.md\)"):
        check_folder(tmp_path)


def test_a_file_that_comes_while_the_report_is_drawn_is_not_lost(tmp_path: Path) -> None:
    folder = tmp_path / "report"
    report = replace(report_of(cells_of()), figures=report_of(cells_of()).figures[:1])
    write_report(bare(), folder, tell=silent)

    def put(name: str, place: int, total: int) -> None:
        (folder / "notes.md").write_text("thoughts")

    with pytest.raises(InvalidField, match=r"notes\.md"):
        write_report(report, folder, tell=put)
    assert (folder / "notes.md").read_text() == "thoughts"
    assert [path.name for path in tmp_path.iterdir()] == ["report"]


def test_an_older_report_keeps_its_name_if_the_new_one_cannot_take_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "report"
    write_report(bare(), folder, tell=silent)
    rename = Path.rename

    def fail(path: Path, target: Path) -> Path:
        if path.suffix == ".part":
            raise OSError(5, "Input/output error")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(InvalidField, match="cannot be written"):
        write_report(replace(bare(), title="another"), folder, tell=silent)
    assert "Invented figures" in (folder / "report.json").read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["report"]


def test_a_place_that_cannot_be_written_is_known_before_anything_is_drawn() -> None:
    with pytest.raises(InvalidField, match="cannot be written"):
        check_folder(Path("/proc/report"))


def test_no_text_of_a_table_is_a_formula_to_a_spreadsheet_or_steers_a_terminal() -> None:
    texts = ("=1+1", "+1", "-1", "@A1", "\t=1", "plain", "\x1b[2J", None, -1.5)
    figure = Figure(
        name="x",
        title="",
        says="",
        reading="",
        remarks=(),
        sql="",
        columns=("text",),
        rows=tuple((text,) for text in texts),
    )
    _, *rows = csv.reader(io.StringIO(to_csv(figure)))
    assert [row[0] if row else "" for row in rows] == [
        *("'=1+1", "'+1", "'-1", "'@A1", "'\t=1", "plain", "␛[2J", "", "-1.5")
    ]
