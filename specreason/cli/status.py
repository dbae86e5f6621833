"""`specreason status`: what `specreason up` runs now."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from specreason.cli.exits import EXIT_SOME_FAILED
from specreason.cli.options import AsJson, DataDir
from specreason.cli.running import RunningUp, absolute, command_for, find_running
from specreason.cli.show.output import print_answer
from specreason.cli.show.running import status_in_words
from specreason.errors import SpecReasonError
from specreason.settings import load_settings

if TYPE_CHECKING:
    from specreason.store.read.load import Load


def status(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Show what `specreason up` runs: addresses, workers, and how many jobs wait. Exit status 3 if nothing runs."""
    folder = absolute(data_dir)
    running = find_running(folder)
    if running is None:
        nothing = {"running": False, "data_dir": str(folder)}
        print_answer(
            nothing, f"nothing runs on {folder}; `{command_for('up', folder)}` starts it", as_json=as_json
        )
        raise typer.Exit(EXIT_SOME_FAILED)
    load = _load_of(running) if running.serving else None
    value = {
        "running": True,
        **running.where,
        "pid": running.pid,
        "since": running.since,
        "serving": running.serving,
        "pair": running.pair,
        "slots": running.slots,
        "workers": [] if load is None else load.workers,
        "num_queued": None if load is None else load.num_queued,
        "num_running": None if load is None else load.num_running,
    }
    words = status_in_words(running, load, commands_ask=load_settings().api_url)
    print_answer(value, words, as_json=as_json)


def _load_of(running: RunningUp) -> Load | None:
    """Return its workers and its open jobs, None if its database does not answer."""
    from specreason.store.read.load import current_load
    from specreason.store.session import connect

    try:
        database = connect(running.database_url, pool_size=1)
        try:
            return current_load(database)
        finally:
            database.dispose()
    except SpecReasonError:
        return None
