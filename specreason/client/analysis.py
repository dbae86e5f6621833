"""What the rows of batches say together: one method for each analysis that the API offers."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from specreason.client.search import FoundStep, search
from specreason.client.transport import Transport


class Analysis:
    """Reached as `Client.analysis`. Every method raises as those of `Client` do."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def search(self, batch_id: UUID, words: str, *, drafts: bool = False) -> Iterator[FoundStep]:
        """The batch's steps whose kept text has the words; with `drafts` also those of rejected drafts.

        `words` are as in a web search: all must stand there; `"a phrase"`, `OR`, `-word`, `begin*`. Formulas are found
        as they are written, such as `\\frac{1}{2}`.
        """
        return search(self._transport, batch_id, words, drafts=drafts)
