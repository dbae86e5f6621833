"""Seeds of a run's calls. They depend neither on the worker that runs a job nor on the number of its attempts.

So a resumed job asks for the draws of the first attempt, and the same problem submitted again with the same seed for
those of the first submission. Two problems of one batch, two repeats and two calls draw independently of each other.
"""

from __future__ import annotations

import hashlib

from specreason.engines.base import Role

# An engine adds the tokens that are written to a seed, and the sum must stay below 2^63.
_BITS = 62


def noise_key(problem: str, job_seed: int, repeat: int) -> bytes:
    """What the seeds of a run derive from.

    `problem` is the text as the user gave it, of a chat all of it, for any pair and scheme alike.
    """
    return hashlib.blake2b(f"{job_seed}/{repeat}/{problem}".encode(), digest_size=32).digest()


def call_seed(noise_key: bytes, index: int, role: Role) -> int:
    """Seed of the generate call by `role` for the step `index`, 0 … 2^62-1."""
    digest = hashlib.blake2b(f"{index}/{role}".encode(), key=noise_key, digest_size=8).digest()
    return int.from_bytes(digest) >> (64 - _BITS)
