"""The folder of a report. It takes its name only when it is whole, so that no reader finds half of one."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic_core import to_jsonable_python

from specreason.errors import InvalidField
from specreason.evaluation.report.values import Figure, Report, Scalar
from specreason.report.drawing.draw import draw, is_drawn
from specreason.report.html import to_html
from specreason.report.markdown import to_markdown
from specreason.report.needs import check_drawing
from specreason.visible import visible

WHOLE = "report.json"
PAGE = "report.html"
FIGURES = "figures"
# By these a folder is known as a report; one that holds anything else is not ours to replace.
ENTRIES = (WHOLE, PAGE, "report.md", "configuration.json", FIGURES)
KINDS = (".csv", ".png", ".sql", ".svg")
# What a spreadsheet takes for the beginning of a formula.
_FORMULA = ("=", "+", "-", "@", "\t")

Tell = Callable[[str, int, int], None]
"""Is told of each figure before it is drawn: its name, its number from 1, and how many there are."""


def check_folder(folder: Path) -> None:
    """Raise InvalidField if a report cannot be written there: the folder is there and holds anything but a report."""
    try:
        _check_content(folder)
        _new_beside(folder.absolute()).rmdir()
    except OSError as error:
        raise _unwritable(folder, error) from error


def write_report(report: Report, folder: Path, *, tell: Tell) -> Path:
    """Draw the report into the folder, in place of an older report there; return the page.

    Raises InvalidField if the folder cannot be written, and ExtraMissing if nothing can be drawn here.
    """
    check_drawing()
    check_folder(folder)
    with _taking_its_place(folder) as part:
        (part / FIGURES).mkdir()
        pictures = {}
        for place, figure in enumerate(report.figures, 1):
            tell(figure.name, place, len(report.figures))
            drawn = draw(figure, report.cells) if is_drawn(figure) else {}
            for kind, content in drawn.items():
                (part / FIGURES / f"{_stem(figure)}.{kind}").write_bytes(content)
            _write(part / FIGURES / f"{_stem(figure)}.csv", to_csv(figure))
            _write(part / FIGURES / f"{_stem(figure)}.sql", figure.sql.rstrip() + "\n")
            if drawn:
                pictures[figure.name] = drawn["svg"]
        _write(part / PAGE, to_html(report, pictures))
        _write(part / "report.md", to_markdown(report))
        _write(part / "configuration.json", _json(report.configurations))
        _write(part / WHOLE, _json(report))
    return folder / PAGE


def to_csv(figure: Figure) -> str:
    """The figure's table: a heading, and a line for each row. What is unknown is empty.

    A text that a spreadsheet would take for a formula begins with an apostrophe, and control characters show.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(figure.columns)
    writer.writerows([_plain(value) for value in row] for row in figure.rows)
    return text.getvalue()


def _plain(value: Scalar) -> Scalar:
    if not isinstance(value, str):
        return value
    text = visible(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _check_content(folder: Path) -> None:
    if not folder.is_dir():
        if folder.exists() or folder.is_symlink():
            raise InvalidField(str(folder), "is no folder; name another one")
        if not folder.absolute().parent.is_dir():
            raise InvalidField(str(folder), f"there is no folder '{folder.absolute().parent}'")
        return
    if folder.is_symlink():
        raise InvalidField(str(folder), "is a link, which a report does not replace; name the folder itself")
    found = sorted(path.name for path in folder.iterdir())
    if missing := [name for name in ENTRIES if found and name not in found]:
        raise InvalidField(
            str(folder),
            f"is there already and is no report (it has no {missing[0]}); name another folder, or remove it",
        )
    pictures = (folder / FIGURES).iterdir() if found else ()
    others = [name for name in found if name not in ENTRIES]
    others += sorted(f"{FIGURES}/{path.name}" for path in pictures if path.suffix not in KINDS)
    if others:
        raise InvalidField(
            str(folder),
            f"holds '{others[0]}' beside a report, which would be lost; move it, or name another folder",
        )


def _stem(figure: Figure) -> str:
    """Its name, which comes from an API and must not lead out of the folder."""
    if not figure.name.replace("_", "").isalnum() or not figure.name.isascii():
        raise InvalidField("figure.name", f"is no name of a file: {figure.name[:80]!r}")
    return figure.name


def _json(value: Any) -> str:
    return json.dumps(to_jsonable_python(value), indent=1, ensure_ascii=False) + "\n"


def _write(path: Path, text: str) -> None:
    # A lone surrogate, which JSON allows, becomes a question mark.
    path.write_text(text, encoding="utf-8", errors="replace", newline="")


@contextmanager
def _taking_its_place(folder: Path) -> Iterator[Path]:
    """Yield a new folder beside `folder` that takes its name when the block ends without an error."""
    folder = folder.absolute()
    try:
        part = _new_beside(folder)
        try:
            umask = os.umask(0)
            os.umask(umask)
            part.chmod(
                0o777 & ~umask
            )  # as any folder that a command makes; mkdtemp's own is for its owner alone
            yield part
            _check_content(folder)  # again, since drawing takes a while
            _replace(folder, part)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    except OSError as error:
        raise _unwritable(folder, error) from error


def _replace(folder: Path, part: Path) -> None:
    # A name is free for another folder only while nothing, or an empty folder, has it.
    old = part.with_suffix(".old")
    if not folder.is_dir():
        part.rename(folder)
        return
    folder.rename(old)
    try:
        part.rename(folder)
    except OSError:
        old.rename(folder)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _new_beside(folder: Path) -> Path:
    return Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}.", suffix=".part"))


def _unwritable(folder: Path, error: OSError) -> InvalidField:
    return InvalidField(str(folder), f"cannot be written ({error.strerror or error})")
