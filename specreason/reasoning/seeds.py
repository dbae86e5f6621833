"""Seeds that depend neither on the worker that runs a job nor on the number of its attempts."""

from __future__ import annotations

import hashlib

from specreason.engines.base import Role


def call_seed(job_seed: int, repeat: int, index: int, role: Role) -> int:
    """Seed of one generate call, 0 … 2^63-1: a resumed job draws what the first attempt would have drawn."""
    key = f"{job_seed}/{repeat}/{index}/{role}".encode()
    return int.from_bytes(hashlib.blake2b(key, digest_size=8).digest()) >> 1
