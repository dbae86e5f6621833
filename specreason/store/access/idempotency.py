"""Idempotency keys: a request that is sent again under its key gets its first answer again, and creates nothing.

The answer is stored in the transaction that creates: after a crash both are there, or neither. That transaction holds a
lock on the key, which ends with it: an API that is killed blocks no key.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete, insert, select
from sqlalchemy.sql.functions import now

from specreason.errors import InvalidField, StillRunning
from specreason.store.locks import Lock, try_lock
from specreason.store.session import Connection, Database, transaction
from specreason.store.tables.access import idempotency_key

KEPT_FOR = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestKey:
    """A request that creates something. The same `key` of another owner, or on another path, is another request."""

    owner: str | None
    path: str
    key: str
    body_hash: str

    @property
    def subject(self) -> str:
        """The subject of the request's lock."""
        return "\0".join((self.owner or "", self.path, self.key))


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAnswer:
    """An answer, byte for byte."""

    status: int
    body: bytes


def earlier_answer(connection: Connection, request: RequestKey) -> StoredAnswer | None:
    """The stored answer to this request. None if the request is new: the caller's transaction then has its lock.

    Raises StillRunning while another transaction has the lock; InvalidField if the key was used with another body.
    """
    if not try_lock(connection, Lock.REQUEST, request.subject):
        raise StillRunning(
            "the first request under this Idempotency-Key has not ended; ask again for its answer"
        )
    row = connection.execute(
        select(idempotency_key).where(
            idempotency_key.c.owner == (request.owner or ""),
            idempotency_key.c.path == request.path,
            idempotency_key.c.key == request.key,
        )
    ).one_or_none()
    if row is None:
        return None
    if row.body_hash != request.body_hash:
        raise InvalidField("Idempotency-Key", "was used before, with another body")
    return StoredAnswer(status=row.status, body=bytes(row.answer))


def keep_answer(connection: Connection, request: RequestKey, answer: StoredAnswer) -> None:
    """Store `answer` as the answer to this request."""
    connection.execute(
        insert(idempotency_key).values(
            owner=request.owner or "",
            path=request.path,
            key=request.key,
            body_hash=request.body_hash,
            status=answer.status,
            answer=answer.body,
        )
    )


def forget_answers(database: Database) -> int:
    """Delete the answers that are older than KEPT_FOR; return how many. Their requests, sent again, are new ones."""
    old = delete(idempotency_key).where(idempotency_key.c.created_at < now() - KEPT_FOR)
    with transaction(database) as connection:
        return connection.execute(old).rowcount
