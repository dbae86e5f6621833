"""`specreason down`: stops `specreason up`, in whichever terminal or background it runs."""

from __future__ import annotations

from typing import Annotated

import typer

from specreason.cli.options import AsJson, DataDir
from specreason.cli.running import absolute, find_running, stop_running
from specreason.cli.show.output import print_answer, print_message
from specreason.cli.waiting.pace import LINE_EVERY_S, Beat

# Draining jobs and a checkpoint of Postgres take most of it.
TIMEOUT_S = 120.0


def down(
    data_dir: DataDir = None,
    timeout_s: Annotated[
        float, typer.Option("--timeout", min=0, help="Seconds to wait for its end (exit status 8).")
    ] = TIMEOUT_S,
    as_json: AsJson = False,
) -> None:
    """Stop `specreason up`. Running jobs go on at the next `up`, from their last stored step; the data stay."""
    folder = absolute(data_dir)
    running = find_running(folder)
    if running is None:
        nothing = {"stopped": False, "data_dir": str(folder)}
        print_answer(nothing, f"nothing runs on {folder}", as_json=as_json)
        return
    beat = Beat(LINE_EVERY_S)

    def tell(seconds: float) -> None:
        if beat.is_due(seconds):
            print_message(
                f"Stopping process {running.pid}: running jobs end their step first ({seconds:.0f} s)"
            )

    stop_running(running, timeout_s=timeout_s, tell=tell)
    stopped = {"stopped": True, "pid": running.pid, "pair": running.pair, "data_dir": str(folder)}
    words = f"stopped process {running.pid}: the servers, the API at {running.api_url} and the worker with "
    print_answer(stopped, f"{words}'{running.pair}'; the data stay in {folder}", as_json=as_json)
