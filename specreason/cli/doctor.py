"""`specreason doctor`: whether this machine and this deployment can run jobs, and what to do where they cannot."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from specreason.cli.exits import EXIT_SOME_FAILED
from specreason.cli.options import ApiUrl, AsJson, PairName
from specreason.cli.show.output import data_console, print_json

STYLE_OF = {"ok": "green", "warn": "yellow", "fail": "red"}


def doctor(
    pair: PairName = "demo",
    data_dir: Annotated[
        Path | None, typer.Option(help="Of `specreason up`, to see what room it has.")
    ] = None,
    api: ApiUrl = None,
    as_json: AsJson = False,
) -> None:
    """Check the machine, the folder of files, the pair, the database, the broker, the workers, the API and the key.

    What is wrong comes with what to do about it. Exit status 3 if a check failed; a warning does not count.
    """
    from specreason.cli.checks.deployment import diagnose
    from specreason.cli.local.stack import default_data_dir

    findings = diagnose(pair, data_dir or default_data_dir(), api)
    if as_json:
        print_json({"ok": not any(each.status == "fail" for each in findings), "checks": findings})
    else:
        console = data_console()
        width = max(len(each.name) for each in findings)
        for each in findings:
            line = Text.assemble(
                (f"{each.status:<5}", STYLE_OF[each.status]), f"{each.name:<{width}}  {each.found}"
            )
            console.print(line, soft_wrap=True)
            if each.remedy:
                console.print(Text(f"{'':<{width + 7}}{each.remedy}", style="dim"), soft_wrap=True)
    raise typer.Exit(EXIT_SOME_FAILED if any(each.status == "fail" for each in findings) else 0)
