"""The findings of `specreason doctor`, one a line, each with its remedy below it."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from specreason.cli.checks.finding import Finding
from specreason.cli.show.output import data_console

STYLE_OF = {"ok": "green", "warn": "yellow", "fail": "red"}


def print_findings(findings: Sequence[Finding]) -> None:
    """Print the findings in their order, names aligned."""
    console = data_console()
    width = max(len(each.name) for each in findings)
    for each in findings:
        status = (f"{each.status:<5}", STYLE_OF[each.status])
        console.print(Text.assemble(status, f"{each.name:<{width}}  {each.found}"), soft_wrap=True)
        if each.remedy:
            console.print(Text(f"{'':<{width + 7}}{each.remedy}", style="dim"), soft_wrap=True)
