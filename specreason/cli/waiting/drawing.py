"""Draws a report and says on stderr which figure it draws."""

from __future__ import annotations

from pathlib import Path

from specreason.cli.show.output import print_message
from specreason.errors import InvalidField
from specreason.evaluation.report.values import Report
from specreason.report.needs import check_drawing


def check_report_folder(folder: Path, *, option: str | None = None) -> None:
    """Raise InvalidField, with the option's name, or ExtraMissing if no report can be drawn into the folder."""
    check_drawing()
    from specreason.report.folder import check_folder

    try:
        check_folder(folder)
    except InvalidField as error:
        raise error if option is None else InvalidField(option, str(error)) from None


def draw_into(found: Report, folder: Path) -> Path:
    """Draw a report, with a line for each figure; return its page. Raises InvalidField and ExtraMissing."""
    check_drawing()
    from specreason.report.folder import write_report

    def tell(name: str, place: int, total: int) -> None:
        print_message(f"drawing {name} ({place} of {total})")

    return write_report(found, folder, tell=tell)
