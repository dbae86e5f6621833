"""`specreason worker`: one worker, in the foreground until SIGTERM."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from specreason.cli.exits import report
from specreason.cli.options import AsJson, PairName
from specreason.cli.show.output import print_json


def worker(
    pair: PairName = "demo",
    gpu: Annotated[
        str | None, typer.Option(help="GPUs of this worker, such as 0 or 0,1. It sets CUDA_VISIBLE_DEVICES.")
    ] = None,
    slots: Annotated[
        int | None,
        typer.Option(min=1, max=256, help="Jobs in flight on this worker. Default: SPECREASON_SLOTS."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run one worker: it holds a pair and runs its jobs. Needs the same two URLs as the API."""
    from worker.serve import run_worker

    if slots is not None:
        # The worker's child reads it from there.
        os.environ["SPECREASON_SLOTS"] = str(slots)
    status = run_worker(pair, gpu, on_ready=(lambda: _print_worker(pair)) if as_json else None)
    if status:
        report(f"the pair '{pair}' cannot be kept running; the log says why", status, as_json=as_json)
    raise typer.Exit(status)


def _print_worker(pair: str) -> None:
    """Print the worker as JSON; then let every child write to stderr, since engines log on the stdout they inherit."""
    sys.stdout = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), 1)
    print_json({"pair": pair, "pid": os.getpid()})
