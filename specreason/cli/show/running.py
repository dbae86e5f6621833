"""What `specreason up` and `specreason status` say of a running `up`."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from specreason.cli.running import RunningUp, command_for
from specreason.words import counted

if TYPE_CHECKING:
    from specreason.store.read.load import Load


def where_in_words(running: RunningUp, last_line: str, *, commands_ask: str) -> str:
    """Return the addresses of a deployment that serves, one a line, and how it ends."""
    lines = [*_addresses(running), _pair(running), *_way_there(running, commands_ask)]
    return "\n".join(["", *lines, "", last_line])


def how_to_stop(running: RunningUp) -> str:
    """Return the command that stops a deployment in the background."""
    shows, stops = command_for("status", Path(running.data_dir)), command_for("down", Path(running.data_dir))
    return f"It runs in the background: `{shows}` shows it, `{stops}` stops it."


def status_in_words(running: RunningUp, load: Load | None, *, commands_ask: str) -> str:
    """Return what runs. `commands_ask` is the address at which other commands look for the API."""
    since = datetime.fromisoformat(running.since).astimezone()
    lines = [
        f"Process   {running.pid}, since {since:%Y-%m-%d %H:%M:%S}",
        *_addresses(running),
        _pair(running),
    ]
    if not running.serving:
        lines.append("Worker    it still loads the pair")
    elif load is None:
        lines.append("Jobs      not known: the database does not answer")
    else:
        used, slots = (sum(getattr(each, name) for each in load.workers) for name in ("num_running", "slots"))
        lines.append(f"Workers   {len(load.workers)} alive, {used} of {counted(slots, 'slot')} in use")
        lines.append(f"Jobs      {load.num_queued} queued, {load.num_running} running")
    return "\n".join(
        [
            *lines,
            *_way_there(running, commands_ask),
            "",
            f"`{command_for('down', Path(running.data_dir))}` stops it; the data stay.",
        ]
    )


def _way_there(running: RunningUp, commands_ask: str) -> list[str]:
    """Return the line that leads other commands to an API at another address than the one they ask."""
    if running.api_url == commands_ask:
        return []
    return ["", "Other commands find it after this line:", f"export SPECREASON_API_URL={running.api_url}"]


def _pair(running: RunningUp) -> str:
    return f"Pair      {running.pair}, {counted(running.slots, 'slot')}"


def _addresses(running: RunningUp) -> list[str]:
    where = running.where
    return [
        f"API       {where['api_url']}   (its pages: {where['docs_url']})",
        f"Postgres  psql '{where['database_url']}'",
        f"Data      {where['data_dir']}",
    ]
