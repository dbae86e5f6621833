"""The connections of a client, from its first request until it is closed."""

from __future__ import annotations

import math
import ssl
from collections.abc import Callable
from typing import Self

from specreason.client.transport import Transport


class Connected:
    """The API at `base_url`. Reads and submissions are tried again for `patience_s` seconds while it is away.

    `local_patience_s`, if shorter, counts where this machine itself refuses the connection. `timeout_s` bounds the
    silence in one answer. `on_delay` is told what a request waits for. `verify` holds the certificates to trust; else
    SSL_CERT_FILE, SSL_CERT_DIR or the system does.
    """

    def __init__(
        self,
        base_url: str = "http://127.0.0.1:8765",
        api_key: str | None = None,
        *,
        timeout_s: float = 30.0,
        patience_s: float = 10.0,
        local_patience_s: float = math.inf,
        on_delay: Callable[[str], None] | None = None,
        verify: ssl.SSLContext | None = None,
    ) -> None:
        self._transport = Transport(
            base_url,
            api_key,
            timeout_s=timeout_s,
            patience_s=patience_s,
            local_patience_s=local_patience_s,
            on_delay=on_delay,
            verify=verify,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give back the connections."""
        self._transport.close()
