"""The judgement of `specreason doctor` on the folder for files."""

from __future__ import annotations

from pathlib import Path

import pytest

from specreason.cli.checks import folders
from specreason.cli.checks.folders import check_files
from tests.support.messages import names


def test_a_folder_for_files_that_the_api_can_make_is_fine(tmp_path: Path) -> None:
    assert check_files(tmp_path).status == "ok"
    assert check_files(tmp_path / "not" / "yet").status == "ok"


def test_a_folder_for_files_that_the_api_cannot_write_to_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    finding = check_files(tmp_path / "file" / "below")
    assert finding.status == "fail"
    assert names(finding.found, tmp_path / "file")
    monkeypatch.setattr(folders.os, "access", lambda path, mode: False)  # the test may run as root
    finding = check_files(tmp_path)
    assert finding.status == "fail"
    assert names(finding.found, tmp_path)
    assert "SPECREASON_FILES_DIR" in finding.remedy
    assert names(check_files(tmp_path / "files").found, tmp_path)


def test_a_folder_for_files_with_little_room_is_warned_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folders, "ENOUGH_DISK_BYTES", 1 << 60)
    assert check_files(tmp_path).status == "warn"
