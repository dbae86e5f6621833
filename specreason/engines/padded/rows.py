"""How a drafter's vocabulary lies in its base's, for token-level speculation: there the two exchange ids, not text."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

from specreason.errors import InputError
from specreason.words import shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """The tokens of one model.

    Text is cut into the ordinary tokens. The added ones stand beside them, such as `</think>`. The model has `num_rows`
    rows of logits, and those that no token has the id of are padding: QwQ-32B has 152,064 rows for 151,669 tokens.
    """

    ids: Mapping[str, int]
    added: frozenset[str]
    num_rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RowMap:
    """The drafter's row for each id of the base that both have a token for; all other ids are never proposed.

    `ordinary` are the rows of the ordinary tokens. Their ids are the same in the base.
    """

    num_rows: int
    row_of: Mapping[int, int]
    ordinary: tuple[int, ...]

    @property
    def digest(self) -> str:
        """SHA-256, hex."""
        facts = [self.num_rows, sorted(self.row_of.items()), sorted(self.ordinary)]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def row_map(base: Vocabulary, drafter: Vocabulary) -> RowMap | None:
    """Return where the drafter's rows belong in the base's vocabulary, None if they are in their places.

    The two must have the same ordinary tokens under the same ids, or InputError names one that differs. Added tokens
    may differ: one that both have may have two ids (QwQ-32B and R1-Distill-Qwen have `</think>` at 151,668 and
    151,649), and one that only one of them has is never proposed.

    None means that the drafter can be the draft model as it is: both have as many rows, and no id or token is two
    things. Equal sizes alone do not show that: R1-Distill-Qwen-7B has QwQ's size and not its ids.
    """
    ordinary = _shared_ordinary_ids(base, drafter)
    tokens = {id_: token for token, id_ in base.ids.items()}
    if base.num_rows == drafter.num_rows and all(
        tokens.get(id_, token) == token and base.ids.get(token, id_) == id_
        for token, id_ in drafter.ids.items()
    ):
        return None
    row_of = {
        id_: row
        for token, id_ in base.ids.items()
        if (row := drafter.ids.get(token)) is not None and id_ < base.num_rows and row < drafter.num_rows
    }
    return RowMap(
        num_rows=base.num_rows,
        row_of=row_of,
        ordinary=tuple(id_ for id_ in ordinary if row_of.get(id_) == id_),
    )


def _shared_ordinary_ids(base: Vocabulary, drafter: Vocabulary) -> list[int]:
    added = base.added | drafter.added
    ordinary = (base.ids.keys() | drafter.ids.keys()) - added
    differing = [token for token in ordinary if base.ids.get(token) != drafter.ids.get(token)]
    if not differing:
        return sorted(base.ids[token] for token in ordinary)

    def place(token: str) -> tuple[int, str]:
        return base.ids.get(token, drafter.ids.get(token, 0)), token

    first = min(differing, key=place)
    raise InputError(
        f"base and drafter cut text into different tokens: {shown(first)} is {_place(base, first)} of the base and "
        f"{_place(drafter, first)} of the drafter, as {len(differing):,} of {len(ordinary):,} ordinary tokens differ; "
        "token-level speculation needs a drafter with the base's tokenizer, so name one, or leave `speculation` out"
    )


def _place(vocabulary: Vocabulary, token: str) -> str:
    id_ = vocabulary.ids.get(token)
    return "no token" if id_ is None else f"token {id_}"
