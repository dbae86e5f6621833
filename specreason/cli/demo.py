"""`specreason demo`: the bundled problems through the whole pipeline, once per scheme, and the figures of each."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from specreason.cli.exits import EXIT_SOME_FAILED
from specreason.cli.options import AsJson
from specreason.cli.running import absolute
from specreason.cli.show.output import print_message
from specreason.cli.waiting.drawing import check_report_folder
from specreason.errors import ExtraMissing


def demo(
    data_dir: Annotated[
        Path | None, typer.Option(help="Keep the data here. Default: a temporary folder, removed at the end.")
    ] = None,
    problems: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=24,
            help="How many of the bundled problems to run. Default: as many as take about two minutes here.",
        ),
    ] = None,
    report: Annotated[
        Path,
        typer.Option(metavar="DIR", help="Draw the report of the three batches into this folder; it stays."),
    ] = Path("demo-report"),
    as_json: AsJson = False,
) -> None:
    """Run the bundled problems with the demo pair: the base alone, the drafter alone, then both together."""
    from specreason.cli.checks.preflight import check_before_start

    # Before the rest is imported, which takes longer than looking.
    check_before_start("demo", None if data_dir is None else absolute(data_dir))
    report_dir = _drawn_into(report)
    from specreason.cli.local.demo import run_demo

    ran = run_demo(data_dir, num_problems=problems, report_dir=report_dir, as_json=as_json)
    raise typer.Exit(0 if ran.all_succeeded else EXIT_SOME_FAILED)


def _drawn_into(folder: Path) -> Path | None:
    """The folder of the report; None, with a word, where the extra that draws is not installed."""
    try:
        check_report_folder(folder, option="--report")
    except ExtraMissing as error:
        print_message(f"There will be no report: {error}")
        return None
    return folder
