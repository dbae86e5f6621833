"""Options and arguments that several commands share, so that each has one name."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

import typer

from specreason.cli.completion import complete_batch_id, complete_pair

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout, errors included.")]
PairName = Annotated[str, typer.Option("--pair", help="A pair of pairs.toml.", autocompletion=complete_pair)]
ApiUrl = Annotated[str | None, typer.Option("--api", help="The API's address. Default: SPECREASON_API_URL.")]
BatchId = Annotated[UUID, typer.Argument(help="Id of a batch.", autocompletion=complete_batch_id)]
BatchIds = Annotated[
    list[UUID], typer.Argument(help="Ids of one batch or several.", autocompletion=complete_batch_id)
]
JobId = Annotated[UUID, typer.Argument(help="Id of a job.")]
DeadlineAt = Annotated[
    datetime | None, typer.Argument(help="Local time, such as 2026-12-24T18:00:00; none: no deadline.")
]
Timeout = Annotated[
    float | None,
    typer.Option("--timeout", min=0, help="Seconds after which to stop waiting (exit status 8)."),
]
