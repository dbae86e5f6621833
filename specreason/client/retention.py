"""Deletes the texts of old jobs, portion by portion. Needs a key with the scope admin."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from specreason.client.decoding import decode
from specreason.client.transport import Transport, body_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """What one portion deleted, or would delete. `num_bytes` are those of texts and token ids as stored."""

    num_jobs: int
    num_steps: int
    num_bytes: int
    next: UUID | None


def prune(
    transport: Transport, older_than_s: float, batch_id: UUID | None, *, dry_run: bool
) -> Iterator[Pruned]:
    """Every portion as it is done. Each is asked for again after a failure: what is deleted stays deleted."""
    after: str | None = None
    while True:
        body = {
            "older_than_s": older_than_s,
            "batch_id": None if batch_id is None else str(batch_id),
            "after": after,
            "dry_run": dry_run,
        }
        answer = transport.request("POST", "/api/prune", safe=True, json=body)
        portion = decode(Pruned, body_of(answer))
        yield portion
        if portion.next is None:
            return
        after = str(portion.next)
