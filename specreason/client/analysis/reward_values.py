"""Values that the API returns when rewards are stored."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRewards:
    """What became of rewards: `num_changed` replaced other scores, or got the score of a draft; the rest was there."""

    num_new: int
    num_changed: int
    num_same: int
