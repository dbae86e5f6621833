"""`specreason worker`: one worker, in the foreground until SIGTERM."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import Annotated

import typer

from specreason.cli.exits import report
from specreason.cli.options import AsJson, PairName, Slots
from specreason.cli.show.output import print_json, print_message


def worker(
    pair: PairName = "demo",
    gpu: Annotated[
        str | None,
        typer.Option(
            help="GPUs of this worker, numbered as nvidia-smi does: 0 or 0,1, or their UUIDs. As many as the pair uses."
        ),
    ] = None,
    slots: Slots = None,
    ready_fd: Annotated[
        int | None, typer.Option(hidden=True, help="A pipe that gets a line whenever it can take jobs.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run one worker: it holds a pair and runs its jobs. Needs the same two URLs as the API."""
    from worker.serve import run_worker

    if slots is not None:
        # The worker's child reads it from there.
        os.environ["SPECREASON_SLOTS"] = str(slots)

    def before_fetching() -> None:
        if as_json:
            _print_worker(pair)

    status = run_worker(
        pair,
        gpu,
        before_fetching=before_fetching,
        announce=print_message,
        on_serving=lambda: _write_line(ready_fd),
    )
    if status:
        report(f"the pair '{pair}' cannot be kept running; the log says why", status, as_json=as_json)
    raise typer.Exit(status)


def _write_line(fd: int | None) -> None:
    """Write a line to the process that waits for this worker. It is no error if that process has ended."""
    if fd is not None:
        with suppress(BrokenPipeError):
            os.write(fd, b"\n")


def _print_worker(pair: str) -> None:
    """Print the worker as JSON; then let every child write to stderr, since engines log on the stdout they inherit."""
    sys.stdout = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), 1)
    print_json({"pair": pair, "pid": os.getpid()})
