"""The findings of `specreason doctor`, one a line, each with its remedy below it."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from specreason.cli.checks.finding import Finding
from specreason.cli.show.output import GAP, as_text, data_console, print_hanging

STYLE_OF = {"ok": "green", "warn": "yellow", "fail": "red"}


def print_findings(findings: Sequence[Finding]) -> None:
    """Print the findings in their order, names aligned."""
    console = data_console()
    of_status = max(map(len, STYLE_OF)) + 1
    width = max(len(each.name) for each in findings) + GAP
    for each in findings:
        head = Text.assemble((each.status.ljust(of_status), STYLE_OF[each.status]), each.name.ljust(width))
        print_hanging(console, head, as_text(each.found))
        if each.remedy:
            print_hanging(console, Text(" " * head.cell_len), as_text(each.remedy, "dim"))
