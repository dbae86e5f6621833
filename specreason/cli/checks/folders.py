"""Checks of the folders that hold data: are they there, can they be written to, is there room?"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from specreason.cli.checks.finding import Finding, fail, ok, warn
from specreason.planning.needs import GIB

ENOUGH_DISK_BYTES = 5 * GIB  # traces grow; a full disk stops Postgres


def check_disk(data_dir: Path) -> Finding:
    """Check the free space for the data of `specreason up`."""
    return _room("disk", data_dir, "traces grow: free some, or name another folder with --data-dir")


def check_files(folder: Path) -> Finding:
    """Check that the API can write to SPECREASON_FILES_DIR. The API makes the folder if it is missing."""
    there = nearest(folder)
    if not there.is_dir():
        return fail("files", f"{there} is no folder", "name another one in SPECREASON_FILES_DIR")
    if not os.access(there, os.W_OK | os.X_OK):
        found = "cannot be written to" if there == folder else f"is missing, and cannot be made in {there}"
        remedy = "give it to the user that runs the API, or name another one in SPECREASON_FILES_DIR"
        return fail("files", f"{folder} {found}", remedy)
    return _room("files", folder, "uploads grow: free some, or name another folder in SPECREASON_FILES_DIR")


def _room(name: str, folder: Path, remedy: str) -> Finding:
    free = free_bytes(folder)
    text = f"{free / GIB:.1f} GiB free in {folder}"
    return warn(name, text, remedy) if free < ENOUGH_DISK_BYTES else ok(name, text)


def free_bytes(folder: Path) -> int:
    """Return the free space of the disk that holds the folder, or will hold it once it is made."""
    return shutil.disk_usage(nearest(folder)).free


def nearest(path: Path) -> Path:
    """Return the path, or the nearest folder above it that exists."""
    return next(each for each in (path, *path.parents) if each.exists())
