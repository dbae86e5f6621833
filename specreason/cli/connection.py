"""The API as a command sees it: at `--api` or SPECREASON_API_URL, with the key of SPECREASON_API_KEY."""

from __future__ import annotations

from specreason.client import Client
from specreason.settings import load_settings

SHORT_PATIENCE_S = 2.0  # where someone waits at a prompt
LONG_PATIENCE_S = 120.0  # where a server may be started anew meanwhile


def connected(
    api_url: str | None, *, patience_s: float = SHORT_PATIENCE_S, timeout_s: float = 30.0
) -> Client:
    """A client, to be closed. Nothing is asked yet."""
    settings = load_settings()
    key = settings.api_key
    return Client(
        api_url or settings.api_url,
        None if key is None else key.get_secret_value(),
        timeout_s=timeout_s,
        patience_s=patience_s,
    )
