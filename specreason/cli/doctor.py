"""`specreason doctor`: whether this machine and this deployment can run jobs, and how to mend what is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from specreason.cli.exits import EXIT_SOME_FAILED
from specreason.cli.options import ApiUrl, AsJson, PairName
from specreason.cli.show.findings import print_findings
from specreason.cli.show.output import print_json


def doctor(
    pair: PairName = "demo",
    data_dir: Annotated[
        Path | None, typer.Option(help="The folder of `specreason up`, to check its free space.")
    ] = None,
    api: ApiUrl = None,
    as_json: AsJson = False,
) -> None:
    """Check the machine, the folder of files, the pair, the database, the broker, the workers, the API and the key.

    Each problem comes with a remedy. Exit status 3 if a check failed; a warning does not count.
    """
    from specreason.cli.checks.deployment import diagnose
    from specreason.cli.local.stack import default_data_dir

    findings = diagnose(pair, data_dir or default_data_dir(), api)
    if as_json:
        print_json({"ok": not any(each.status == "fail" for each in findings), "checks": findings})
    else:
        print_findings(findings)
    raise typer.Exit(EXIT_SOME_FAILED if any(each.status == "fail" for each in findings) else 0)
