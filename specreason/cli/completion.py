"""Completes pairs, cards and the newest batches in the shell. Never fails and takes at most LIMIT_S."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice

from specreason.client import Batch, short_id
from specreason.errors import SpecReasonError
from specreason.visible import on_one_line

LIMIT_S = 0.3
NUM_BATCHES = 50


def complete_pair(incomplete: str) -> list[str]:
    """Return the pairs of this deployment's pairs.toml."""
    from specreason.pairs import load_pairs
    from specreason.settings import load_settings

    try:
        return [name for name in load_pairs(load_settings().pairs_file) if name.startswith(incomplete)]
    except SpecReasonError:
        return []


def complete_cards(incomplete: str) -> list[str]:
    """Return the cards that a plan can be made for."""
    from specreason.planning.cards import known_cards

    return [name for name in known_cards() if name.startswith(incomplete)]


def complete_batch(incomplete: str) -> list[tuple[str, str]]:
    """Return ids and names of the newest batches, each with a description; none if the API has not answered in time."""
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
    found += _offers(newest, incomplete)


def _offers(batches: Sequence[Batch], incomplete: str) -> Iterator[tuple[str, str]]:
    """The short id of each batch, and its name if no other has it. A whole id is for one who has begun with it.

    A name with a control character cannot be typed, and is offered by its id only.
    """
    with_name = Counter(batch.name for batch in batches)
    for batch in batches:
        short, done = short_id(batch.batch_id), f"{batch.num_ended}/{batch.num_jobs}"
        name = on_one_line(batch.name)
        if short.startswith(incomplete):
            yield short, f"{name or batch.scheme}, {done}"
        elif incomplete and str(batch.batch_id).startswith(incomplete):
            yield str(batch.batch_id), f"{name or batch.scheme}, {done}"
        if name and name == batch.name and name.startswith(incomplete) and with_name[name] == 1:
            yield name, f"{short}, {done}"
