"""`specreason up`: the product on one machine until Ctrl-C."""

from __future__ import annotations

import json
import signal
import threading
from pathlib import Path
from types import FrameType

from rich.console import Console
from rich.markup import escape

from specreason.cli.local.stack import running_stack

CHECK_S = 0.5


def run_up(data_dir: Path, *, pair: str, port: int | None, slots: int | None, as_json: bool) -> None:
    """Start the stack, say where it is, and keep it. Raises EmbeddedServerError if a part of it ends."""
    console = Console(stderr=True)
    leave = threading.Event()

    def on_signal(number: int, frame: FrameType | None) -> None:
        leave.set()

    with running_stack(data_dir, pair=pair, port=port, slots=slots, announce=console.print) as stack:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, on_signal)
        where = {
            "api_url": stack.api_url,
            "docs_url": f"{stack.api_url}/docs",
            "database_url": stack.database_url,
            "data_dir": str(data_dir),
        }
        if as_json:
            print(json.dumps(where), flush=True)  # noqa: T201 (the command's result)
        else:
            out = Console(soft_wrap=True, highlight=False)
            out.print(f"\nAPI       {where['api_url']}   (its pages: {where['docs_url']})")
            out.print(f"Postgres  psql '{escape(where['database_url'])}'")
            out.print(f"Data      {escape(where['data_dir'])}\n\nCtrl-C stops everything; the data stay.")
        while not leave.wait(CHECK_S):
            stack.check()
