"""What the rows of batches say together: one method for each analysis that the API offers."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from specreason.client.decoding import decode
from specreason.client.search import FoundStep, search
from specreason.client.transport import Transport, body_of
from specreason.config import ScoreMethod
from specreason.evaluation.judge.judgement import Judgement


class Analysis:
    """Reached as `Client.analysis`. Every method raises as those of `Client` do."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def judge(
        self,
        batch_id: UUID,
        *,
        threshold: float | None = None,
        score_method: ScoreMethod | str | None = None,
    ) -> Judgement:
        """What the judge of a batch is worth, and what other thresholds would have done; also the one given."""
        given = {"threshold": threshold, "score_method": score_method}
        params = {name: value for name, value in given.items() if value is not None}
        path = f"/api/batches/{batch_id}/judge"
        return decode(Judgement, body_of(self._transport.request("GET", path, safe=True, params=params)))

    def search(self, batch_id: UUID, words: str, *, drafts: bool = False) -> Iterator[FoundStep]:
        """The batch's steps whose kept text has the words; with `drafts` also those of rejected drafts.

        `words` are as in a web search: all must stand there; `"a phrase"`, `OR`, `-word`, `begin*`. Formulas are found
        as they are written, such as `\\frac{1}{2}`.
        """
        return search(self._transport, batch_id, words, drafts=drafts)
