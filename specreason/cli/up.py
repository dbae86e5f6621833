"""`specreason up`: the product on one machine, until Ctrl-C or `specreason down`."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Annotated

import typer

from specreason.cli.options import AsJson, DataDir, PairName, Slots
from specreason.cli.running import absolute
from specreason.cli.show.output import print_answer, print_message
from specreason.cli.show.running import how_to_stop, where_in_words
from specreason.settings import load_settings

CHECK_S = 0.5


def up(
    data_dir: DataDir = None,
    pair: PairName = "demo",
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="The API's port; 0: any free one. Default: SPECREASON_API_PORT."),
    ] = None,
    slots: Slots = None,
    *,
    detach: Annotated[
        bool, typer.Option("--detach", "-d", help="Run in the background: return once it serves.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Start Postgres, Valkey, the API and one worker on this machine, and keep them until Ctrl-C.

    First it checks that this machine can run the pair. Models of the hub that are not here are fetched.
    """
    from specreason.cli.checks.preflight import check_before_start

    folder, commands_ask = absolute(data_dir), load_settings().api_url
    check_before_start(pair, folder)
    if detach:
        from specreason.cli.local.detached import start_detached

        started = start_detached(folder, pair=pair, port=port, slots=slots, as_json=as_json)
        print_answer(
            started.where,
            where_in_words(started, how_to_stop(started), commands_ask=commands_ask),
            as_json=as_json,
        )
        return
    from specreason.cli.local.stack import running_stack

    leave = threading.Event()

    def on_signal(number: int, frame: FrameType | None) -> None:
        leave.set()

    with running_stack(folder, pair=pair, port=port, slots=slots, announce=print_message) as stack:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, on_signal)
        words = where_in_words(
            stack.running, "Ctrl-C stops everything; the data stay.", commands_ask=commands_ask
        )
        print_answer(stack.running.where, words, as_json=as_json)
        while not leave.wait(CHECK_S):
            stack.check()
