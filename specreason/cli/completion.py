"""Completes pairs and the newest batches in the shell. Never fails and takes at most LIMIT_S."""

from __future__ import annotations

import threading
from itertools import islice

from specreason.errors import SpecReasonError

LIMIT_S = 0.3
NUM_BATCHES = 50


def complete_pair(incomplete: str) -> list[str]:
    """Return the pairs of this deployment's pairs.toml."""
    from specreason.config import load_pairs
    from specreason.settings import load_settings

    try:
        return [name for name in load_pairs(load_settings().pairs_file) if name.startswith(incomplete)]
    except SpecReasonError:
        return []


def complete_batch_id(incomplete: str) -> list[tuple[str, str]]:
    """Return the newest batches with a description of each; none if the API has not answered in time."""
    found: list[tuple[str, str]] = []
    asking = threading.Thread(target=_ask, args=(incomplete, found), daemon=True)
    asking.start()
    asking.join(LIMIT_S)
    return list(found)


def _ask(incomplete: str, found: list[tuple[str, str]]) -> None:
    from specreason.cli.connection import connected

    try:
        with connected(None, patience_s=0, timeout_s=LIMIT_S) as client:
            newest = list(islice(client.batches(), NUM_BATCHES))
    except SpecReasonError:
        return
    found += [
        (str(batch.batch_id), f"{batch.name or batch.scheme}, {batch.num_ended}/{batch.num_jobs}")
        for batch in newest
        if str(batch.batch_id).startswith(incomplete)
    ]
