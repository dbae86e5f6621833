"""`specreason report`: the paper's figures of batches, drawn into a folder."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from specreason.cli.completion import complete_batch
from specreason.cli.connection import REPORT_TIMEOUT_S, connected
from specreason.cli.options import BATCH_REF, ApiUrl, AsJson
from specreason.cli.show.output import data_console, print_json, print_message
from specreason.cli.waiting.drawing import check_report_folder, draw_into
from specreason.errors import InvalidField
from specreason.evaluation.report.values import Report
from specreason.visible import visible
from specreason.words import counted

# A folder's name has the names of so many batches.
MOST_NAMED, LONGEST_NAME = 3, 60


def report(
    refs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[BATCH...]", help=BATCH_REF, autocompletion=complete_batch, show_default=False
        ),
    ] = None,
    *,
    eval_: Annotated[
        str | None,
        typer.Option("--eval", metavar="NAME", help="All batches of this evaluation, in place of BATCH."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Write the report here, in place of an older report. Default: report-NAME in this folder.",
            show_default=False,
        ),
    ] = None,
    api: ApiUrl = None,
    as_json: AsJson = False,
) -> None:
    """Draw the paper's figures from the rows of batches into a folder with a page that opens from the disk.

    Each figure comes as PNG, SVG and CSV, with the SQL that gives its rows. Needs the extra `analysis`.
    """
    if bool(refs) is (eval_ is not None):
        raise InvalidField("BATCH", "name batches or --eval NAME, one of the two")
    folder = out or Path(default_name(refs or [eval_ or ""]))
    check_report_folder(folder, option="--out" if out else None)
    with connected(api, timeout_s=REPORT_TIMEOUT_S) as client:
        batch_ids = list(dict.fromkeys(client.find_batch(ref) for ref in refs or ()))
        found = client.analysis.report(batch_ids, eval=eval_)
    page = draw_into(found, folder)
    if as_json:
        print_json(_as_value(found, folder, page))
        return
    console = data_console()
    console.print(visible(str(page)), soft_wrap=True, markup=False)
    console.print(visible(found.says), soft_wrap=True, markup=False)
    if found.left_out:
        print_message(f"left out {counted(len(found.left_out), 'figure')}; the report says what each needs")


def default_name(names: Sequence[str]) -> str:
    """The folder of a report about these batches or this evaluation: letters, digits, dots and dashes."""
    plain = [re.sub(r"[^\w.+-]+", "-", name).strip("-.") for name in names[:MOST_NAMED]]
    more = f"-and-{len(names) - MOST_NAMED}-more" if len(names) > MOST_NAMED else ""
    return f"report-{'-'.join(filter(None, plain))[:LONGEST_NAME]}{more}"


def _as_value(found: Report, folder: Path, page: Path) -> dict[str, Any]:
    return {
        "folder": str(folder),
        "page": str(page),
        "says": found.says,
        "remarks": found.remarks,
        "num_cells": len(found.cells),
        "figures": [figure.name for figure in found.figures],
        "left_out": found.left_out,
    }
