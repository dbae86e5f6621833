"""Batches as the client returns them, without a server."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from specreason.client import Batch

BATCH_ID = UUID("0193b2a4-0000-7000-8000-00000000abcd")
SUBMITTED = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
WORDS = {"name": "sums", "pair": "demo", "scheme": "specreason", "config_hash": ""}


def client_batch(**values: Any) -> Batch:
    """A batch with these values. Its other counts are 0, and nothing else has happened to it."""
    known = {
        "batch_id": BATCH_ID,
        "created_at": SUBMITTED,
        "config": {},
        "metadata": {},
        "replayed": False,
        "num_jobs": sum(value for name, value in values.items() if name in STATE_COUNTS),
        **WORDS,
        **values,
    }
    zero = {field.name: 0 if _is_count(field.name) else None for field in fields(Batch)}
    return Batch(**(zero | known))


STATE_COUNTS = tuple(
    f"num_{state}" for state in ("queued", "running", "succeeded", "failed", "cancelled", "expired", "dead")
)


def _is_count(name: str) -> bool:
    return name.startswith("num_") or name.endswith("_tokens") or name in ("priority", "engine_s")
