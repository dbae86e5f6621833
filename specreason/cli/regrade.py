"""`specreason batch regrade`: grades a batch again, with other gold answers or another grader."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from specreason.cli.connection import connected
from specreason.cli.options import ApiUrl, AsJson, BatchRef
from specreason.cli.show.controls import regraded
from specreason.cli.show.output import print_answer
from specreason.cli.show.submission import look_again


def regrade(
    ref: BatchRef,
    answers: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Replace gold answers by those of this file: JSONL, CSV or Parquet with the columns id and answer."
            " A problem without an id is named by its index. Without ids, one row for each problem, in order.",
        ),
    ] = None,
    grader: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Grade by an installed grader. Default: the project's own."),
    ] = None,
    api: ApiUrl = None,
    as_json: AsJson = False,
) -> None:
    """Grade all answers of a batch again. No job runs; all grades stay, and the newest of a job counts."""
    with connected(api) as client:
        batch = client.regrade(client.find_batch(ref), answers=answers, grader=grader)
    what = regraded(batch, look_again([ref], api))
    print_answer(batch, f"batch {ref}: {what}", as_json=as_json)
