"""How long the calls of an engine take: what a forecast adds up, and what a scripted engine waits for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

SECONDS_PER_HOUR = 3600


class Timing(Protocol):
    """Seconds of one call's tokens.

    `in_flight` counts the calls that the engine works on meanwhile, this one included; a mean need not be whole. The
    others' contexts are taken to be as long as this one's.
    """

    def first_token_s(self, new: float, *, cached: float, in_flight: float) -> float:
        """Return the seconds to the first token of a prompt with `new` tokens to compute and `cached` ones."""

    def next_token_s(self, context: float, *, in_flight: float) -> float:
        """Return the mean seconds for each later token at a context of so many tokens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Steady:
    """The same times for every call, whatever else goes on."""

    latency_s: float = 0.0
    token_s: float = 0.0

    def first_token_s(self, new: float, *, cached: float, in_flight: float) -> float:
        return self.latency_s + self.token_s

    def next_token_s(self, context: float, *, in_flight: float) -> float:
        return self.token_s
