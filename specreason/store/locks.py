"""The advisory locks of this database. Each has a number here, so that no two of them meet.

A lock is taken for a subject, such as a pair or an owner. Postgres knows a subject by 32 bits of its hash. Two subjects
with equal bits share a lock: where callers wait for it, one waits for the other; where they only try it, one is told
that the other is at work (a 409 for a request or a quota), or leaves its work for the next try.
"""

from __future__ import annotations

import hashlib
from enum import IntEnum

from sqlalchemy import func, select

from specreason.store.session import Connection


class Lock(IntEnum):
    """The purpose of each lock. The numbers are arbitrary; other programs in this database must not use them."""

    LEADER = 0x5BEC_0001  # the right to lead; one worker's supervisor has it
    MIGRATION = 0x5BEC_0002  # the schema
    ANNOUNCING = 0x5BEC_0003  # the window of announced jobs of a pair
    QUOTA = 0x5BEC_0004  # the number of queued jobs of an owner
    REQUEST = 0x5BEC_0005  # the answer to a request with an idempotency key
    OPENAI_BATCH = 0x5BEC_0006  # the next transition of one of OpenAI's batches


def wait_for(connection: Connection, lock: Lock, subject: str = "") -> None:
    """Take the lock until the transaction ends. Wait while another transaction has it."""
    connection.execute(select(func.pg_advisory_xact_lock(*_key(lock, subject))))


def try_lock(connection: Connection, lock: Lock, subject: str = "") -> bool:
    """Take the lock until the transaction ends. False if another transaction has it."""
    return bool(connection.scalar(select(func.pg_try_advisory_xact_lock(*_key(lock, subject)))))


def try_lock_connection(connection: Connection, lock: Lock, subject: str = "") -> bool:
    """Take the lock until `unlock_connection`, or until the connection ends. False if another connection has it."""
    return bool(connection.scalar(select(func.pg_try_advisory_lock(*_key(lock, subject)))))


def unlock_connection(connection: Connection, lock: Lock, subject: str = "") -> None:
    """Give back what `try_lock_connection` took."""
    connection.execute(select(func.pg_advisory_unlock(*_key(lock, subject))))


def _key(lock: Lock, subject: str) -> tuple[int, int]:
    digest = hashlib.sha256(subject.encode("utf-8", "surrogatepass")).digest()
    return lock.value, int.from_bytes(digest[:4], signed=True)
