"""Admission by KV cache: more jobs than a pair's caches hold would evict each other's prefixes at every step."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from specreason.engines.base import ModelPair, Role
from specreason.reasoning.transcript import Transcript

# The share of the context that a job is expected to use until some jobs have completed.
GUESSED_SHARE = 0.25
# The expected length of a job is a moving average over about this many completed jobs.
RECENT = 32


class Reservation:
    """One job's share of the KV caches: the tokens of its transcript, and at least the usual length of a job."""

    def __init__(self) -> None:
        self._transcript: Transcript | None = None
        self._is_completed = False

    def hold(self, transcript: Transcript) -> None:
        """Count this transcript's tokens from now on, as it grows."""
        self._transcript = transcript

    def completed(self) -> None:
        """Record that the job ran to its end, so that its length counts towards the usual one."""
        self._is_completed = True

    @property
    def is_completed(self) -> bool:
        return self._is_completed

    @property
    def num_tokens(self) -> int:
        return max(map(self._transcript.num_tokens, Role)) if self._transcript is not None else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """A message's place on this worker: room in the caches, and what its claim must tell.

    `in_flight` jobs are here, this one included. The message waited `waited_s` seconds for its place.
    """

    reservation: Reservation
    in_flight: int
    waited_s: float


class KvAdmission:
    """Admits a job while the caches have room for its usual length, and always admits one. Thread-safe."""

    def __init__(self, pair: ModelPair) -> None:
        self._capacity = min(pair.engine(role).kv_tokens for role in Role)
        self._changed = threading.Condition()
        self._reservations: set[Reservation] = set()
        self._usual_tokens = GUESSED_SHARE * max(pair.engine(role).max_model_len for role in Role)
        # The guess counts as the first completed job.
        self._num_completed = 1

    @contextmanager
    def reserve(self) -> Iterator[Reservation]:
        """Wait until the caches have room for one more job, and hold a reservation for it."""
        reservation = Reservation()
        with self._changed:
            self._changed.wait_for(self._has_room)
            self._reservations.add(reservation)
        try:
            yield reservation
        finally:
            with self._changed:
                self._reservations.discard(reservation)
                if reservation.is_completed:
                    self._learn(reservation.num_tokens)
                self._changed.notify_all()

    @property
    def reserved_share(self) -> float:
        """The share of the smaller KV cache that is reserved now; above 1 if one job alone needs more."""
        with self._changed:
            return self._reserved() / self._capacity

    def _has_room(self) -> bool:
        return not self._reservations or self._reserved() + self._usual_tokens <= self._capacity

    def _reserved(self) -> float:
        """Tokens. Call it with the lock of `_changed`."""
        return sum(max(self._usual_tokens, reservation.num_tokens) for reservation in self._reservations)

    def _learn(self, num_tokens: int) -> None:
        self._num_completed += 1
        weight = max(1 / self._num_completed, 1 / RECENT)
        self._usual_tokens += weight * (num_tokens - self._usual_tokens)
