"""Connects a command to the API at `--api` or SPECREASON_API_URL, with the key of SPECREASON_API_KEY."""

from __future__ import annotations

import typer

from specreason.client import Client
from specreason.settings import load_settings
from specreason.visible import visible

# How long a request is tried again: briefly for a user at a prompt, longer for a wait that outlasts a server's restart.
SHORT_PATIENCE_S = 2.0
LONG_PATIENCE_S = 120.0
# A report is read with every step of every batch.
REPORT_TIMEOUT_S = 600.0
# An address of this machine that refuses the connection has no API: nothing is lost on the way there.
LOCAL_PATIENCE_S = 2.0


def connected(
    api_url: str | None, *, patience_s: float = SHORT_PATIENCE_S, timeout_s: float = 30.0
) -> Client:
    """Return a client, to be closed. It has sent nothing yet, and says on stderr what it waits for."""
    settings = load_settings()
    key = settings.api_key
    return Client(
        api_url or settings.api_url,
        None if key is None else key.get_secret_value(),
        timeout_s=timeout_s,
        patience_s=patience_s,
        local_patience_s=LOCAL_PATIENCE_S,
        on_delay=_say,
    )


def _say(text: str) -> None:
    # Not by a console of its own: a bar that is drawn meanwhile must stay whole.
    typer.echo(visible(text), err=True)
