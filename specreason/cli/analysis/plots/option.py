"""The option `--plot`: the kinds of files, and what is checked before anything is asked or drawn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from specreason.errors import InvalidField
from specreason.report.needs import check_drawing

FORMATS = (".png", ".svg", ".pdf")
HELP = "Also draw it: a file that ends in .png, .svg or .pdf. Needs the extra `analysis` on this machine."


def check_plot(path: Path) -> None:
    """Raise InvalidField for a file that cannot be drawn, and ExtraMissing if nothing can be drawn here."""
    if path.suffix.lower() not in FORMATS:
        raise InvalidField("--plot", f"must end in .png, .svg or .pdf, not '{path.suffix or path.name}'")
    if not path.parent.is_dir():
        raise InvalidField("--plot", f"there is no folder '{path.parent}'")
    check_drawing()


def save_plot(figure: Any, path: Path) -> None:
    """Raise InvalidField if the file cannot be written."""
    try:
        figure.savefig(path, dpi=150)
    except OSError as error:
        raise InvalidField("--plot", f"{path} cannot be written: {error.strerror}") from None
