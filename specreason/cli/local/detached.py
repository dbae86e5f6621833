"""Starts `specreason up` in the background, and waits until it serves."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from pathlib import Path

import typer

from specreason.cli.running import RunningUp, find_running
from specreason.embedded.datadir import locked_data_dir
from specreason.errors import EmbeddedServerError
from specreason.visible import ascii_json, visible

LOG = "up.log"
LOOK_EVERY_S = 0.2


def start_detached(
    data_dir: Path, *, pair: str, port: int | None, slots: int | None, as_json: bool
) -> RunningUp:
    """Start it in a session of its own, show on stderr what it says, and return once it serves.

    It keeps running when this process and its terminal end. It appends what it says to `up.log` in the data
    directory. If it ends instead, raises typer.Exit with its status, after its message. If this process is
    interrupted, it is stopped.
    """
    # A folder that cannot be used is refused before a log is written into it.
    with locked_data_dir(data_dir):
        pass
    log = data_dir / LOG
    options = {"--pair": pair, "--port": port, "--slots": slots, "--data-dir": data_dir}
    given = [text for name, value in options.items() if value is not None for text in (name, str(value))]
    with os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as output:
        start = output.tell()
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "specreason.cli.main", "up", *given, "--json"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=output,
            start_new_session=True,
        )
    try:
        answer = _answer(process, log, start)
    except BaseException:
        process.terminate()
        process.wait()
        raise
    if answer is None or "error" in answer:
        status = process.wait()
        if as_json and answer is not None:
            typer.echo(ascii_json(answer))
        raise typer.Exit(status)
    running = find_running(data_dir)
    if running is None:
        raise EmbeddedServerError(f"it has ended just after its start: see {log}")
    return running


def _answer(process: subprocess.Popen[bytes], log: Path, shown: int) -> dict[str, object] | None:
    """Return the one object that it prints when it serves or fails, None if it ends without. Show its log meanwhile."""
    assert process.stdout is not None
    with process.stdout as pipe, log.open("rb") as said:
        said.seek(shown)
        while not select.select([pipe], [], [], LOOK_EVERY_S)[0]:
            _show(said.read())
        line = pipe.readline()
        _show(said.read())
    return json.loads(line) if line else None


def _show(text: bytes) -> None:
    sys.stderr.write(visible(text.decode(errors="replace")))
    sys.stderr.flush()
