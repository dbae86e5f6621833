"""Sends the wish to grade a batch again: as JSON, or as a form with a file of gold answers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any
from uuid import UUID

from specreason.client.submission import STORING_S, opened
from specreason.client.transport import Transport, body_of

# Gold answers by the ids of their problems; or a path of a file, its content, or an open file.
Golds = Mapping[str, Any] | str | Path | bytes | IO[bytes]


def send_regrade(transport: Transport, batch_id: UUID, answers: Golds | None, grader: str | None) -> Any:
    """The batch as JSON. Sent once: a second time, every answer would be graded once more."""
    path = f"/api/batches/{batch_id}/regrade"
    if answers is None or isinstance(answers, Mapping):
        rows = None if answers is None else [{"id": id_, "answer": answers[id_]} for id_ in answers]
        body = {"grader": grader, "answers": rows}
        return body_of(transport.request("POST", path, safe=False, silence_s=STORING_S, json=body))
    with opened(answers) as (filename, file):
        return body_of(
            transport.request(
                "POST",
                path,
                safe=False,
                silence_s=STORING_S,
                data={} if grader is None else {"grader": grader},
                files={"file": (filename, file, "application/octet-stream")},
            )
        )
