"""How many jobs a pair's KV caches hold: more would push out each other's prefixes and prefill them at every step."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from specreason.engines.base import ModelPair, Role
from specreason.reasoning.transcript import Transcript

GUESSED_SHARE = 0.25  # of the context
RECENT = 32  # jobs: the length that a job will come to is that of those before it


class Reservation:
    """One job's share: what its transcript holds, and at least what a job usually comes to."""

    def __init__(self) -> None:
        self.transcript: Transcript | None = None
        self.ran_to_its_end = False

    @property
    def num_tokens(self) -> int:
        return max(map(self.transcript.num_tokens, Role)) if self.transcript is not None else 0


class KvAdmission:
    """Jobs enter while there is room for what they will probably come to, and one always may. For many threads."""

    def __init__(self, pair: ModelPair) -> None:
        self._capacity = min(pair.engine(role).kv_tokens for role in Role)
        self._changed = threading.Condition()
        self._reservations: set[Reservation] = set()
        # Of a whole job. Until some have ended, a guess.
        self._usual_tokens = GUESSED_SHARE * max(pair.engine(role).max_model_len for role in Role)
        self._num_ended = 1

    @contextmanager
    def reserve(self) -> Iterator[Reservation]:
        """Wait for room, then hold it; put the job's transcript into what this gives."""
        mine = Reservation()
        with self._changed:
            self._changed.wait_for(self._has_room)
            self._reservations.add(mine)
        try:
            yield mine
        finally:
            with self._changed:
                self._reservations.discard(mine)
                if mine.ran_to_its_end:
                    self._learn(mine.num_tokens)
                self._changed.notify_all()

    def _has_room(self) -> bool:
        usual = self._usual_tokens
        taken = sum(max(usual, reservation.num_tokens) for reservation in self._reservations)
        return not self._reservations or taken + usual <= self._capacity

    def _learn(self, num_tokens: int) -> None:
        self._num_ended += 1
        weight = max(1 / self._num_ended, 1 / RECENT)
        self._usual_tokens += weight * (num_tokens - self._usual_tokens)
