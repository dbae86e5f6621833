"""`specreason doctor`: whether this machine and this deployment can run jobs, and how to mend what is wrong."""

from __future__ import annotations

from typing import Annotated

import typer

from specreason.cli.completion import complete_pair
from specreason.cli.exits import EXIT_SOME_FAILED
from specreason.cli.options import ApiUrl, AsJson, DataDir
from specreason.cli.running import absolute
from specreason.cli.show.findings import print_findings
from specreason.cli.show.output import print_json


def doctor(
    pair: Annotated[
        str | None,
        typer.Option(
            help="The pair of models. Default: that of the running `specreason up`, or else demo.",
            autocompletion=complete_pair,
        ),
    ] = None,
    data_dir: DataDir = None,
    api: ApiUrl = None,
    as_json: AsJson = False,
) -> None:
    """Check the machine, the folder of files, the pair, the database, the broker, the workers, the API and the key.

    It looks at the deployment of `specreason up` if one runs, and at what the SPECREASON_ variables name. Each problem
    comes with a remedy. Exit status 3 if a check failed; a warning does not count.
    """
    from specreason.cli.checks.deployment import diagnose

    findings = diagnose(pair, absolute(data_dir), api)
    if as_json:
        print_json({"ok": not any(each.status == "fail" for each in findings), "checks": findings})
    else:
        print_findings(findings)
    raise typer.Exit(EXIT_SOME_FAILED if any(each.status == "fail" for each in findings) else 0)
