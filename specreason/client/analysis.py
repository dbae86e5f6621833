"""What the rows of batches say together: one method for each analysis that the API offers."""

from __future__ import annotations

from specreason.client.transport import Transport


class Analysis:
    """Reached as `Client.analysis`. Every method raises as those of `Client` do."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
