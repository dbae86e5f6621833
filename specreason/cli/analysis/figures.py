"""`specreason batch figures`: what the rows of one batch say."""

from __future__ import annotations

from typing import Annotated

import typer

from specreason.cli.analysis.figure_table import print_figures
from specreason.cli.connection import connected
from specreason.cli.options import ApiUrl, AsJson, BatchRef
from specreason.cli.show.output import print_json


def figures(
    ref: BatchRef,
    *,
    k: Annotated[
        int | None,
        typer.Option(
            "-k",
            "--k",
            min=1,
            help="Of pass@k and majority@k. Default: 2, 4, … and the most graded repeats of a problem.",
            show_default=False,
        ),
    ] = None,
    api: ApiUrl = None,
    as_json: AsJson = False,
) -> None:
    """Show whether drafting pays, right answers, latency, tokens, TTFT and TPOT, each with its 95 % interval.

    Only jobs that succeeded count; a latency only if the job ran in one attempt.
    """
    with connected(api, timeout_s=120) as client:
        found = client.analysis.figures(client.find_batch(ref), k=k)
    if as_json:
        print_json(found)
    else:
        print_figures(found)
