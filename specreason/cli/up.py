"""`specreason up`: the product on one machine until Ctrl-C."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from specreason.cli.options import AsJson, PairName
from specreason.cli.show.output import print_answer, print_message

CHECK_S = 0.5


def up(
    data_dir: Annotated[
        Path | None, typer.Option(help="The folder for the data. Default: ~/.local/share/specreason.")
    ] = None,
    pair: PairName = "demo",
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="The API's port; 0: any free one. Default: SPECREASON_API_PORT."),
    ] = None,
    slots: Annotated[
        int | None, typer.Option(min=1, max=32, help="Jobs in flight on the pair. Default: SPECREASON_SLOTS.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Start Postgres, Valkey, the API and one worker on this machine, and keep them until Ctrl-C."""
    from specreason.cli.local.stack import default_data_dir, running_stack

    folder = data_dir or default_data_dir()
    leave = threading.Event()

    def on_signal(number: int, frame: FrameType | None) -> None:
        leave.set()

    with running_stack(folder, pair=pair, port=port, slots=slots, announce=print_message) as stack:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, on_signal)
        where = {
            "api_url": stack.api_url,
            "docs_url": f"{stack.api_url}/docs",
            "database_url": stack.database_url,
            "data_dir": str(folder),
        }
        words = (
            f"\nAPI       {where['api_url']}   (its pages: {where['docs_url']})\n"
            f"Postgres  psql '{where['database_url']}'\n"
            f"Data      {where['data_dir']}\n\nCtrl-C stops everything; the data stay."
        )
        print_answer(where, words, as_json=as_json)
        while not leave.wait(CHECK_S):
            stack.check()
