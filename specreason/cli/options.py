"""Options and arguments that several commands share, so that each has one name."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from specreason.cli.completion import complete_batch, complete_pair

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout, errors included.")]
PairName = Annotated[str, typer.Option("--pair", help="A pair of pairs.toml.", autocompletion=complete_pair)]
ApiUrl = Annotated[str | None, typer.Option("--api", help="The API's address. Default: SPECREASON_API_URL.")]
DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        help="The folder of `specreason up`. Default: ~/.local/share/specreason.",
        show_default=False,
    ),
]
BATCH_REF = "Its id, a beginning or end of it of four digits or more, or its whole name."
BatchRef = Annotated[str, typer.Argument(metavar="BATCH", help=BATCH_REF, autocompletion=complete_batch)]
BatchRefs = Annotated[
    list[str], typer.Argument(metavar="BATCH...", help=BATCH_REF, autocompletion=complete_batch)
]
JobRef = Annotated[
    str,
    typer.Argument(metavar="JOB", help="BATCH/INDEX, BATCH/INDEX/REPEAT if it has repeats, or its whole id."),
]
DeadlineAt = Annotated[
    datetime | None, typer.Argument(help="Local time, such as 2026-12-24T18:00:00; none: no deadline.")
]
Timeout = Annotated[
    float | None,
    typer.Option("--timeout", min=0, help="Seconds after which to stop waiting (exit status 8)."),
]
