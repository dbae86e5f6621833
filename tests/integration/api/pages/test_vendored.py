"""Files of libraries are what VENDORED.toml says, and what the libraries' own packages have."""

from __future__ import annotations

import hashlib
import io
import shutil
import subprocess
import tarfile
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[4]
FOLDERS = (ROOT / "api" / "site" / "vendored", ROOT / "tests" / "browser" / "axe")
PACK_S = 60


def libraries(folder: Path) -> list[dict[str, Any]]:
    return list(tomllib.loads((folder / "VENDORED.toml").read_text())["library"])


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_each_file_is_the_one_that_is_listed_and_no_other_is_there(folder: Path) -> None:
    listed = {file["name"]: file["sha256"] for library in libraries(folder) for file in library["file"]}
    texts = {library["licence_text"] for library in libraries(folder)}
    there = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    assert there.keys() == listed.keys() | texts | {"VENDORED.toml"}
    assert {name: sha256(there[name].read_bytes()) for name in listed} == listed


@pytest.mark.parametrize(
    ("folder", "library"),
    [
        pytest.param(folder, library, id=library["name"])
        for folder in FOLDERS
        for library in libraries(folder)
    ],
)
def test_each_file_is_that_of_the_published_package(
    folder: Path, library: dict[str, Any], tmp_path: Path
) -> None:
    packed = pack(f"{library['name']}@{library['version']}", tmp_path)
    assert sha256(packed) == library["tarball_sha256"]
    with tarfile.open(fileobj=io.BytesIO(packed)) as tarball:
        for file in library["file"]:
            member = tarball.extractfile(file["in_tarball"])
            assert member is not None
            assert sha256(member.read()) == file["sha256"], file["name"]


def pack(package: str, folder: Path) -> bytes:
    """The tarball of a package from the registry that npm is configured for. Skips the test where there is none."""
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    try:
        done = subprocess.run(
            ["npm", "pack", "--silent", "--fetch-retries=0", package],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=PACK_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        pytest.skip(f"the registry of npm packages did not answer within {PACK_S} s")
    if done.returncode != 0:
        pytest.skip(f"npm pack {package} ended with {done.returncode}: {done.stderr.strip()[-300:]}")
    return (folder / done.stdout.strip().splitlines()[-1]).read_bytes()
